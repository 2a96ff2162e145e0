import { Film, GitCompareArrows, SearchX, Trash2, TriangleAlert } from "lucide-react";
import { useState } from "react";
import { useLocation } from "wouter";
import { sentence, type Output } from "@/shared/api";
import { useSettled } from "@/shared/lib/settled";
import { useStore } from "@/shared/lib/store";
import { Button, Empty, Notice, Panel, ScreenHead, Skeleton } from "@/shared/ui";
import { Compare } from "./Compare";
import { Grid } from "./Grid";
import { searched, useDelete, useLibrary } from "./library";
import { Search } from "./Search";
import styles from "./Gallery.module.css";

const PAIR = 2;

/** What was chosen among what was found; another search begins without. */
interface Choice {
  words: string;
  ids: readonly string[];
}

export function Gallery() {
  const words = useSettled(useStore(searched));
  const library = useLibrary(words);
  const deleting = useDelete();
  const [choice, setChoice] = useState<Choice>({ words, ids: [] });
  const [isComparing, setComparing] = useState(false);
  const [, navigate] = useLocation();
  const videos = library.data?.pages.flatMap((page) => page.data) ?? [];
  const pair = (choice.words === words ? choice.ids : [])
    .map((id) => videos.find((video) => video.id === id))
    .filter((video): video is Output => video !== undefined);
  const chosen = pair.map(({ id }) => id);
  const setChosen = (ids: readonly string[]) => setChoice({ words, ids });
  const toggle = (id: string) =>
    setChosen(
      chosen.includes(id) ? chosen.filter((other) => other !== id) : [...chosen, id].slice(-PAIR),
    );
  return (
    <>
      <ScreenHead title="Outputs">
        <Search />
        {chosen.length > 0 && (
          <>
            <span className={styles.told}>
              {chosen.length < PAIR ? "Choose one more to compare" : "Two chosen"}
            </span>
            <Button look="quiet" onClick={() => setChosen([])}>
              Clear
            </Button>
            <Button
              disabled={deleting.isPending}
              onClick={() =>
                deleting.mutate(chosen, {
                  onSuccess: ({ deleted }) =>
                    setChosen(chosen.filter((id) => !deleted.includes(id))),
                })
              }
            >
              <Trash2 aria-hidden="true" /> Delete
            </Button>
            <Button look="primary" disabled={pair.length < PAIR} onClick={() => setComparing(true)}>
              <GitCompareArrows aria-hidden="true" /> Compare
            </Button>
          </>
        )}
      </ScreenHead>
      {library.isError && !library.data ? (
        <Notice tone="bad" icon={<TriangleAlert />}>
          {sentence(library.error)}
        </Notice>
      ) : !library.data ? (
        <div className={styles.loading}>
          {Array.from({ length: 8 }, (_, index) => (
            <Skeleton key={index} className={styles.place} />
          ))}
        </div>
      ) : videos.length === 0 && words.trim() ? (
        <Panel>
          <Empty icon={<SearchX />} title="Nothing found">
            <p>No prompt of a finished video has all of these words.</p>
            <Button onClick={() => searched.set("")}>Show all</Button>
          </Empty>
        </Panel>
      ) : videos.length === 0 ? (
        <Panel>
          <Empty icon={<Film />} title="No videos yet">
            <p>
              Each finished video is kept here with everything that made it: play it frame by frame,
              compare two, or ask for it again with one thing changed.
            </p>
            <Button look="primary" onClick={() => navigate("/")}>
              Make the first one
            </Button>
          </Empty>
        </Panel>
      ) : (
        <Grid
          videos={videos}
          chosen={chosen}
          onChoose={toggle}
          onEnd={() => {
            if (library.hasNextPage && !library.isFetchingNextPage) void library.fetchNextPage();
          }}
        />
      )}
      {isComparing && pair[0] && pair[1] && (
        <Compare left={pair[0]} right={pair[1]} onClose={() => setComparing(false)} />
      )}
    </>
  );
}
