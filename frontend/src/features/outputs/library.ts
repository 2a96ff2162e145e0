/** The library of finished videos: looked through, and what is deleted is brought back. */
import {
  keepPreviousData,
  useInfiniteQuery,
  useMutation,
  useQuery,
  useQueryClient,
} from "@tanstack/react-query";
import { answered, api, ProblemError, sentence } from "@/shared/api";
import { createStore } from "@/shared/lib/store";
import { tell, tellProblem } from "@/shared/ui";

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
            query: {
              limit: PAGE,
              counted: false,
              ...(q && { q }),
              ...(pageParam && { cursor: pageParam }),
            },
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

/** Delete videos, say which could not be, and offer to take it back where that can be. */
export function useDelete() {
  const client = useQueryClient();
  const restore = useRestore();
  return useMutation({
    async mutationFn(ids: readonly string[]) {
      const answers = await Promise.allSettled(
        ids.map((id) => answered(api.DELETE("/api/v1/outputs/{output_id}", path(id)))),
      );
      const deleted = ids.filter((_, index) => answers[index]?.status === "fulfilled");
      const refusals = answers.filter((answer) => answer.status === "rejected");
      if (deleted[0] === undefined) throw refusals[0]?.reason;
      return { deleted, refusals, isKept: await isKept(deleted[0]) };
    },
    onSuccess({ deleted, refusals, isKept }) {
      const undo = { label: "Undo", run: () => restore.mutate(deleted) };
      tell(
        deleted.length === 1 ? "The video is deleted." : `${deleted.length} videos are deleted.`,
        isKept ? undo : undefined,
      );
      if (refusals[0]) {
        const all = deleted.length + refusals.length;
        const why = sentence(refusals[0].reason);
        tellProblem(new Error(`${refusals.length} of ${all} could not be deleted: ${why}`));
      }
    },
    onSettled: () => client.invalidateQueries({ queryKey: OUTPUTS }),
  });
}

/** Whether a deleted video can be brought back: without days in the trash it is gone at once. */
async function isKept(id: string): Promise<boolean> {
  try {
    await answered(api.GET("/api/v1/outputs/{output_id}", path(id)));
    return true;
  } catch (error) {
    return !(error instanceof ProblemError && error.status === 404);
  }
}
