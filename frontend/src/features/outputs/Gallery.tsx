import { TriangleAlert } from "lucide-react";
import { useCallback, useMemo, useState } from "react";
import { sentence, type Output } from "@/shared/api";
import { classes, plural } from "@/shared/lib/format";
import { Notice, ScreenHead, Skeleton } from "@/shared/ui";
import { Chosen } from "./Chosen";
import { FilterBar } from "./FilterBar";
import { searchOf, toggled, useFilters } from "./filters";
import { Grid } from "./Grid";
import { useJudge, type Judgement } from "./judging";
import { useLibrary, useRestore } from "./library";
import { Nothing } from "./Nothing";
import styles from "./Gallery.module.css";

/** What was chosen among what was found; another search begins without. */
interface Choice {
  search: string;
  ids: readonly string[];
}

export function Gallery() {
  const filters = useFilters();
  const search = searchOf(filters);
  const library = useLibrary(filters);
  const { mutate: judge } = useJudge();
  const { mutate: restore } = useRestore();
  const [choice, setChoice] = useState<Choice>({ search, ids: [] });
  const pages = library.data?.pages;
  const videos = useMemo(() => pages?.flatMap((page) => page.data) ?? [], [pages]);
  const facets = pages?.[0]?.facets ?? null;
  const total = library.hasNextPage ? Math.max(facets?.total ?? 0, videos.length) : videos.length;
  const { hasNextPage, isFetching, fetchNextPage } = library;
  const need = useCallback(
    (count: number) => {
      if (count > videos.length && hasNextPage && !isFetching) void fetchNextPage();
    },
    [videos.length, hasNextPage, isFetching, fetchNextPage],
  );
  const chosen = choice.search === search ? choice.ids : [];
  const choose = useCallback(
    (id: string) =>
      setChoice((before) => ({
        search,
        ids: toggled(before.search === search ? before.ids : [], id),
      })),
    [search],
  );
  const judgeOne = useCallback(
    (video: Output, judgement: Judgement) => judge({ video, judgement }),
    [judge],
  );
  const restoreOne = useCallback((id: string) => restore([id]), [restore]);
  return (
    <>
      <ScreenHead title={filters.isDeleted ? "Deleted outputs" : "Outputs"}>
        <Chosen
          videos={chosen
            .map((id) => videos.find((video) => video.id === id))
            .filter((video) => video !== undefined)}
          isDeleted={filters.isDeleted}
          onChoose={(ids) => setChoice({ search, ids })}
        />
      </ScreenHead>
      <FilterBar filters={filters} facets={facets} />
      {library.isError && !pages ? (
        <Notice tone="bad" icon={<TriangleAlert />}>
          {sentence(library.error)}
        </Notice>
      ) : !pages ? (
        <div className={styles.loading}>
          {Array.from({ length: 8 }, (_, index) => (
            <Skeleton key={index} className={styles.place} />
          ))}
        </div>
      ) : (
        <div
          className={classes(library.isPlaceholderData && styles.isOld)}
          aria-busy={library.isPlaceholderData}
        >
          <p className={styles.total} role="status">
            {total > 0 && plural(total, "video")}
            {total > 0 &&
              filters.isDeleted &&
              ", each of which can be restored until it is gone for good"}
          </p>
          {total === 0 ? (
            <Nothing filters={filters} />
          ) : (
            <Grid
              videos={videos}
              total={total}
              search={search}
              chosen={chosen}
              onNeed={need}
              onChoose={choose}
              onJudge={judgeOne}
              onRestore={restoreOne}
            />
          )}
        </div>
      )}
    </>
  );
}
