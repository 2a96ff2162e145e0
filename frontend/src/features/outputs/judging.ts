/** Stars and favourites: shown at once, taken back where the server refuses them. */
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { answered, api, type Output } from "@/shared/api";
import { keyOf, LISTS } from "./library";
import { changed, type Pages } from "./pages";

const JUDGE = ["judge"] as const;

export type Judgement = Partial<Pick<Output, "rating" | "favourite">>;

/** Give a video stars, or make it a favourite; one after the other, however fast they are given. */
export function useJudge() {
  const client = useQueryClient();
  const show = (id: string, judgement: Judgement) => {
    client.setQueriesData<Pages>(
      { queryKey: LISTS },
      (pages) => pages && changed(pages, id, judgement),
    );
    client.setQueryData<Output>(keyOf(id), (one) => one && { ...one, ...judgement });
  };
  return useMutation({
    mutationKey: JUDGE,
    scope: { id: "judge" },
    mutationFn: ({ video, judgement }: { video: Output; judgement: Judgement }) =>
      answered(
        api.PATCH("/api/v1/outputs/{output_id}", {
          params: { path: { output_id: video.id } },
          body: judgement,
        }),
      ),
    async onMutate({ video, judgement }) {
      await Promise.all(
        [LISTS, keyOf(video.id)].map((queryKey) => client.cancelQueries({ queryKey })),
      );
      show(video.id, judgement);
    },
    onError: (_error, { video, judgement }) =>
      show(video.id, {
        ...(judgement.rating !== undefined && { rating: video.rating }),
        ...(judgement.favourite !== undefined && { favourite: video.favourite }),
      }),
    // What the server says meanwhile lacks those that wait for their turn: the last one asks.
    onSettled: (_answer, _error, { video }) =>
      client.isMutating({ mutationKey: JUDGE }) > 1
        ? undefined
        : Promise.all(
            [LISTS, keyOf(video.id)].map((queryKey) => client.invalidateQueries({ queryKey })),
          ),
  });
}
