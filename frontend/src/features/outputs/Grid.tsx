import { useWindowVirtualizer } from "@tanstack/react-virtual";
import { useEffect, useLayoutEffect, useRef, useState } from "react";
import type { Output } from "@/shared/api";
import { Card } from "./Card";
import styles from "./Grid.module.css";

const GAP_PX = 16;
const NARROWEST_PX = 208;
/** Below the picture: the prompt's two lines, and the facts. */
const CAPTION_PX = 78;
const AHEAD_ROWS = 3;

/** As many cards as one sees, however many there are. */
export function Grid({
  videos,
  chosen,
  onChoose,
  onEnd,
}: {
  videos: readonly Output[];
  chosen: readonly string[];
  onChoose: (id: string) => void;
  /** The last row is near. */
  onEnd: () => void;
}) {
  const grid = useRef<HTMLUListElement>(null);
  const [{ width, top }, setPlace] = useState({ width: 0, top: 0 });
  useLayoutEffect(() => {
    const element = grid.current;
    if (!element) return;
    const measure = () => setPlace({ width: element.clientWidth, top: element.offsetTop });
    const observer = new ResizeObserver(measure);
    observer.observe(element);
    return () => observer.disconnect();
  }, []);
  const columns = columnsIn(width);
  const cell = (width - GAP_PX * (columns - 1)) / columns;
  const rows = Math.ceil(videos.length / columns);
  const virtual = useWindowVirtualizer({
    count: rows,
    estimateSize: () => cell + CAPTION_PX,
    gap: GAP_PX,
    overscan: 2,
    scrollMargin: top,
  });
  useEffect(() => virtual.measure(), [virtual, cell]);
  const shown = virtual.getVirtualItems();
  const last = shown.at(-1)?.index ?? 0;
  useEffect(() => {
    if (width > 0 && last >= rows - AHEAD_ROWS) onEnd();
  }, [last, rows, width, onEnd]);
  return (
    <ul ref={grid} className={styles.grid} style={{ height: virtual.getTotalSize() }}>
      {width > 0 &&
        shown.flatMap((row) =>
          videos.slice(row.index * columns, (row.index + 1) * columns).map((video, column) => (
            <li
              key={video.id}
              className={styles.cell}
              style={{
                width: cell,
                height: row.size,
                transform: `translate(${column * (cell + GAP_PX)}px, ${row.start - top}px)`,
              }}
            >
              <Card
                video={video}
                isChosen={chosen.includes(video.id)}
                onChoose={() => onChoose(video.id)}
              />
            </li>
          )),
        )}
    </ul>
  );
}

export function columnsIn(width: number): number {
  const fitting = Math.floor((width + GAP_PX) / (NARROWEST_PX + GAP_PX));
  return Math.max(width < 2 * NARROWEST_PX && width > 320 ? 2 : 1, fitting);
}
