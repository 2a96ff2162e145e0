/** Generations and the queue: what is asked of the server, and what is changed there. */
import {
  keepPreviousData,
  useInfiniteQuery,
  useMutation,
  useQuery,
  useQueryClient,
} from "@tanstack/react-query";
import {
  api,
  answered,
  ProblemError,
  type Generation,
  type Queue,
  type Status,
} from "@/shared/api";
import { pollMs } from "./freshness";
import { LINE } from "./line";

/** The names of what is kept. */
export const QUEUE = ["queue"] as const;
export const GENERATION = ["generation"] as const;
export const GENERATIONS = ["generations"] as const;
export const OUTPUTS = ["outputs"] as const;

const PAGE = 60;

export function useQueue() {
  return useQuery({
    queryKey: QUEUE,
    queryFn: ({ signal }) =>
      answered(api.GET("/api/v1/queue", { params: { query: { limit: LINE } }, signal })),
    refetchInterval: pollMs,
  });
}

/** Generations in these states, newest first, page by page. */
export function useGenerations(status: Status[]) {
  return useInfiniteQuery({
    queryKey: [...GENERATIONS, status],
    queryFn: ({ pageParam, signal }) =>
      answered(
        api.GET("/api/v1/generations", {
          params: { query: { status, limit: PAGE, ...(pageParam ? { before: pageParam } : {}) } },
          signal,
        }),
      ),
    initialPageParam: "",
    getNextPageParam: (page) => page.next_cursor,
    placeholderData: keepPreviousData,
    refetchInterval: 10_000,
  });
}

export function useGeneration(id: string | null) {
  return useQuery({
    queryKey: [...GENERATION, id],
    enabled: id !== null,
    queryFn: ({ signal }): Promise<Generation> =>
      answered(
        api.GET("/api/v1/generations/{generation_id}", {
          params: { path: { generation_id: id ?? "" } },
          signal,
        }),
      ),
    refetchInterval: ({ state }) => {
      const status = state.error instanceof ProblemError ? state.error.status : 0;
      const isRefused = status >= 400 && status < 500;
      return isRefused || state.data?.finished_at != null ? false : pollMs();
    },
  });
}

/** A change of the queue: shown at once, taken back where the server refuses it, then asked anew. */
function useQueueChange<T>(
  change: (given: T) => Promise<unknown>,
  shown: (queue: Queue, given: T) => Queue,
) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: change,
    async onMutate(given: T) {
      await client.cancelQueries({ queryKey: QUEUE });
      const before = client.getQueryData<Queue>(QUEUE);
      if (before) client.setQueryData(QUEUE, shown(before, given));
      return { before };
    },
    onError: (_error, _given, context) => client.setQueryData(QUEUE, context?.before),
    onSettled: () =>
      Promise.all([
        client.invalidateQueries({ queryKey: QUEUE }),
        client.invalidateQueries({ queryKey: GENERATIONS }),
      ]),
  });
}

const path = (id: string) => ({ params: { path: { generation_id: id } } });

export function useCancel() {
  return useQueueChange(
    (id: string) => answered(api.POST("/api/v1/generations/{generation_id}/cancel", path(id))),
    (queue, id) => ({
      ...queue,
      waiting: queue.waiting.filter((job) => job.id !== id),
      running: queue.running.map((job) =>
        job.id === id ? { ...job, cancel_requested_at: new Date().toISOString() } : job,
      ),
    }),
  );
}

export function useRetry() {
  return useQueueChange(
    (id: string) => answered(api.POST("/api/v1/generations/{generation_id}/retry", path(id))),
    (queue) => queue,
  );
}

export function useMove() {
  return useQueueChange(
    ({ id, position }: { id: string; position: number }) =>
      answered(api.PATCH("/api/v1/queue/{generation_id}", { ...path(id), body: { position } })),
    (queue, { id, position }) => ({ ...queue, waiting: moved(queue.waiting, id, position - 1) }),
  );
}

export function usePrioritise() {
  return useQueueChange(
    ({ id, priority }: { id: string; priority: number }) =>
      answered(api.PATCH("/api/v1/queue/{generation_id}", { ...path(id), body: { priority } })),
    (queue, { id, priority }) => ({
      ...queue,
      waiting: queue.waiting.map((job) => (job.id === id ? { ...job, priority } : job)),
    }),
  );
}

/** Not shown before the server says so: that nothing is started any more, is a promise. */
export function usePause() {
  return useQueueChange(
    (pause: boolean) =>
      answered(pause ? api.POST("/api/v1/queue/pause") : api.POST("/api/v1/queue/resume")),
    (queue) => queue,
  );
}

export function moved<T extends { id: string }>(list: readonly T[], id: string, to: number): T[] {
  const job = list.find((item) => item.id === id);
  const rest = list.filter((item) => item.id !== id);
  return job ? [...rest.slice(0, to), job, ...rest.slice(to)] : rest;
}
