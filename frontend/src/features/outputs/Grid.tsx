import { useWindowVirtualizer } from "@tanstack/react-virtual";
import { useEffect, useLayoutEffect, useRef, useState } from "react";
import type { Output } from "@/shared/api";
import { Skeleton } from "@/shared/ui";
import { Card, type CardActions } from "./Card";
import { Place } from "./Place";
import { useRush } from "./rush";
import styles from "./Grid.module.css";

const GAP_PX = 16;
const NARROWEST_PX = 208;
/** Below the picture: the prompt's two lines, and the facts. */
const CAPTION_PX = 78;
const AHEAD_ROWS = 6;

/** As many cards as one sees, however many there are; those that are still to come have their place. */
export function Grid({
  videos,
  total,
  search,
  chosen,
  onNeed,
  ...actions
}: CardActions & {
  videos: readonly Output[];
  /** How many there are, with those that were not asked for yet. */
  total: number;
  search: string;
  chosen: readonly string[];
  /** So many are looked at, or soon will be. */
  onNeed: (count: number) => void;
}) {
  const grid = useRef<HTMLUListElement>(null);
  const [{ width, top }, setPlace] = useState({ width: 0, top: 0 });
  useLayoutEffect(() => {
    const element = grid.current;
    if (!element) return;
    const measure = () => setPlace({ width: element.clientWidth, top: element.offsetTop });
    measure(); // before it is painted: "back" finds the page as high as it was
    const observer = new ResizeObserver(measure);
    observer.observe(element);
    observer.observe(document.body); // what is above it may grow
    return () => observer.disconnect();
  }, []);
  const isRushing = useRush();
  const columns = columnsIn(width);
  const cell = (width - GAP_PX * (columns - 1)) / columns;
  const virtual = useWindowVirtualizer({
    count: Math.ceil(total / columns),
    estimateSize: () => cell + CAPTION_PX,
    gap: GAP_PX,
    overscan: 2,
    scrollMargin: top,
  });
  useEffect(() => virtual.measure(), [virtual, cell]);
  const rows = virtual.getVirtualItems();
  const needed = Math.min(total, ((rows.at(-1)?.index ?? 0) + 1 + AHEAD_ROWS) * columns);
  useEffect(() => onNeed(needed), [needed, onNeed]);
  const places = rows.flatMap((row) =>
    Array.from({ length: columns }, (_, column) => ({
      row,
      column,
      index: row.index * columns + column,
    })),
  );
  return (
    <ul ref={grid} className={styles.grid} style={{ height: virtual.getTotalSize() }}>
      {width > 0 &&
        places
          .filter(({ index }) => index < total)
          .map(({ row, column, index }) => {
            const video = videos[index];
            return (
              <li
                key={video?.id ?? index}
                className={styles.cell}
                aria-setsize={total}
                aria-posinset={index + 1}
                style={{
                  width: cell,
                  height: row.size,
                  transform: `translate(${column * (cell + GAP_PX)}px, ${row.start - top}px)`,
                }}
              >
                <Place isBlank={isRushing}>
                  {video ? (
                    <Card
                      video={video}
                      search={search}
                      isChosen={chosen.includes(video.id)}
                      {...actions}
                    />
                  ) : (
                    <Skeleton className={styles.place} />
                  )}
                </Place>
              </li>
            );
          })}
    </ul>
  );
}

export function columnsIn(width: number): number {
  const fitting = Math.floor((width + GAP_PX) / (NARROWEST_PX + GAP_PX));
  return Math.max(width < 2 * NARROWEST_PX && width > 320 ? 2 : 1, fitting);
}
