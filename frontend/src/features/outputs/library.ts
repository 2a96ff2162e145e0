/** The library of finished videos: looked through, and what is deleted is brought back. */
import {
  keepPreviousData,
  useInfiniteQuery,
  useMutation,
  useQuery,
  useQueryClient,
} from "@tanstack/react-query";
import { answered, api, ProblemError, sentence } from "@/shared/api";
import { OUTPUTS } from "@/shared/jobs";
import { tell, tellProblem } from "@/shared/ui";
import { queryOf, searchOf, type Filters } from "./filters";
import { FRONT, knownAt, placeAfter, renewed, type Page, type Pages } from "./pages";

export const LISTS = [...OUTPUTS, "list"] as const;
export const keyOf = (id: string | null) => [...OUTPUTS, "one", id] as const;
/** The front is there soon; who goes on gets there in fewer steps. */
const FRONT_PAGE = 60;
const LATER_PAGE = 200;

/** Finished videos that fit, newest first, page by page; the front says how many there are of each value. */
export function useLibrary(filters: Filters) {
  const client = useQueryClient();
  const queryKey = [...LISTS, searchOf(filters)];
  return useInfiniteQuery({
    queryKey,
    async queryFn({ pageParam: place, signal }): Promise<Page> {
      const known = client.getQueryData<Pages>(queryKey);
      const kept = knownAt(place, known);
      if (kept) return kept;
      const query = {
        ...queryOf(filters),
        limit: place.cursor ? LATER_PAGE : FRONT_PAGE,
        ...(place.cursor && { cursor: place.cursor }),
      };
      const told = await answered(api.GET("/api/v1/outputs", { params: { query }, signal }));
      return place.cursor ? { ...told, edition: place.edition } : renewed(known?.pages[0], told);
    },
    initialPageParam: FRONT,
    getNextPageParam: placeAfter,
    placeholderData: keepPreviousData,
    refetchInterval: 10_000,
  });
}

const path = (id: string) => ({ params: { path: { output_id: id } } });

/** What the library knows of one; null while nothing is finished to be asked for. */
export function useOutput(id: string | null) {
  return useQuery({
    queryKey: keyOf(id),
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
    onSuccess: (_answers, ids) =>
      tell(ids.length === 1 ? "The video is back." : `${ids.length} videos are back.`),
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
