/** The library of finished videos: looked through, and what is deleted is brought back. */
import {
  keepPreviousData,
  useInfiniteQuery,
  useMutation,
  useQuery,
  useQueryClient,
} from "@tanstack/react-query";
import { answered, api } from "@/shared/api";
import { createStore } from "@/shared/lib/store";
import { tell } from "@/shared/ui";

const OUTPUTS = ["outputs"] as const;
const PAGE = 60;

/** The words that are looked for; they stay while a found video is looked at. */
export const searched = createStore("");

/** Finished videos whose prompt has all the words, newest first, page by page. */
export function useLibrary(words: string) {
  const q = words.trim();
  return useInfiniteQuery({
    queryKey: [...OUTPUTS, "list", q],
    queryFn: ({ pageParam, signal }) =>
      answered(
        api.GET("/api/v1/outputs", {
          params: {
            query: { limit: PAGE, ...(q && { q }), ...(pageParam && { cursor: pageParam }) },
          },
          signal,
        }),
      ),
    initialPageParam: "",
    getNextPageParam: (page) => page.next_cursor,
    placeholderData: keepPreviousData,
    refetchInterval: 10_000,
  });
}

const path = (id: string) => ({ params: { path: { output_id: id } } });

/** What the library knows of one; null while nothing is finished to be asked for. */
export function useOutput(id: string | null) {
  return useQuery({
    queryKey: [...OUTPUTS, "one", id],
    enabled: id !== null,
    queryFn: ({ signal }) =>
      answered(api.GET("/api/v1/outputs/{output_id}", { ...path(id ?? ""), signal })),
  });
}

/** Bring deleted videos back. */
export function useRestore() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (ids: readonly string[]) =>
      Promise.all(
        ids.map((id) => answered(api.POST("/api/v1/outputs/{output_id}/restore", path(id)))),
      ),
    onSettled: () => client.invalidateQueries({ queryKey: OUTPUTS }),
  });
}

/** Delete videos, and offer to take it back. */
export function useDelete() {
  const client = useQueryClient();
  const restore = useRestore();
  return useMutation({
    mutationFn: (ids: readonly string[]) =>
      Promise.all(ids.map((id) => answered(api.DELETE("/api/v1/outputs/{output_id}", path(id))))),
    onSuccess: (_answers, ids) =>
      tell(ids.length === 1 ? "The video is deleted." : `${ids.length} videos are deleted.`, {
        label: "Undo",
        run: () => restore.mutate(ids),
      }),
    onSettled: () => client.invalidateQueries({ queryKey: OUTPUTS }),
  });
}
