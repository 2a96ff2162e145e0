/** Checkpoints and LoRAs: which there are, and the work on them. */
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { answered, api } from "./client";
import type { Lora } from "./types";

const WORKING_MS = 1_000;
const IDLE_MS = 20_000;
const LORAS = ["loras"] as const;
const PRESETS = ["presets"] as const;

export function useModels() {
  return useQuery({
    queryKey: ["models"],
    queryFn: async ({ signal }) => (await answered(api.GET("/api/v1/models", { signal }))).data,
    refetchInterval: ({ state }) =>
      state.data?.some((model) => model.work?.status === "running") ? WORKING_MS : IDLE_MS,
  });
}

export function useLoras() {
  return useQuery({
    queryKey: LORAS,
    queryFn: async ({ signal }) => (await answered(api.GET("/api/v1/loras", { signal }))).data,
    refetchInterval: IDLE_MS,
  });
}

/** What lies in the folder of LoRAs is asked for anew, with whatever depends on it. */
export function useLookForLoras() {
  const client = useQueryClient();
  return () =>
    Promise.all([LORAS, PRESETS].map((queryKey) => client.invalidateQueries({ queryKey })));
}

/** One LoRA with the hashes of its files, which the server may have to read whole. */
export function useHashedLora({ name, files }: Lora, isWanted: boolean) {
  return useQuery({
    queryKey: [...LORAS, name, ...files.map((file) => file.size_bytes)], // others, once it has changed
    enabled: isWanted,
    queryFn: ({ signal }) =>
      answered(
        api.GET("/api/v1/loras/{lora_name}", { params: { path: { lora_name: name } }, signal }),
      ),
  });
}

export function usePresets() {
  return useQuery({
    queryKey: PRESETS,
    queryFn: async ({ signal }) => (await answered(api.GET("/api/v1/presets", { signal }))).data,
    staleTime: IDLE_MS, // which LoRAs they find may change
  });
}

/** What a pull would bring here, as the hub says now. */
export function useOffer(id: string) {
  return useQuery({
    queryKey: ["offer", id],
    queryFn: ({ signal }) =>
      answered(
        api.GET("/api/v1/models/{model_id}/offer", { params: { path: { model_id: id } }, signal }),
      ),
    retry: false,
  });
}

export type ModelWork = "pull" | "verify" | "repair" | "stop" | "remove";

export function useModelWork() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: ({ id, work }: { id: string; work: ModelWork }) => {
      const params = { path: { model_id: id } };
      const call = {
        pull: () => answered<unknown>(api.POST("/api/v1/models/{model_id}/pull", { params })),
        verify: () => answered<unknown>(api.POST("/api/v1/models/{model_id}/verify", { params })),
        repair: () => answered<unknown>(api.POST("/api/v1/models/{model_id}/repair", { params })),
        stop: () => answered<unknown>(api.POST("/api/v1/models/{model_id}/stop", { params })),
        remove: () => answered<unknown>(api.DELETE("/api/v1/models/{model_id}", { params })),
      };
      return call[work]();
    },
    onSettled: () => client.invalidateQueries({ queryKey: ["models"] }),
  });
}
