import { useEffect, useRef } from "react";
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import { clockOf } from "@/shared/lib/format";
import type { Column } from "./series";
import styles from "./Chart.module.css";

const HEIGHT_PX = 112;
/** Half of `03:48:30`; and what is free beside the chart on its right. */
const HALF_TIME_PX = 24;
const RIGHT_PX = 8;

/** One value over time, from zero to the most there can be. */
export function Chart({
  name,
  meaning,
  times,
  values,
  max,
  shown,
}: {
  name: string;
  /** What a high or a low value means, in a sentence. */
  meaning: string;
  times: readonly number[];
  values: Column;
  /** The top of the chart; what has none ends a little above its highest value. */
  max: number | null;
  shown: (value: number) => string;
}) {
  const place = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const told = useRef(shown);
  const now = values.findLast((value) => value !== null) ?? null;
  useEffect(() => {
    told.current = shown;
  });
  useEffect(() => {
    const element = place.current;
    if (!element) return;
    const made = new uPlot(
      options(element, max, (value) => told.current(value)),
      [[], []],
      element,
    );
    plot.current = made;
    const observer = new ResizeObserver(() =>
      made.setSize({ width: element.clientWidth, height: HEIGHT_PX }),
    );
    observer.observe(element);
    // The colours are the page's: they change with its theme.
    const redraw = () => made.redraw(false);
    const theme = new MutationObserver(redraw);
    theme.observe(document.documentElement, { attributeFilter: ["data-theme"] });
    const scheme = matchMedia("(prefers-color-scheme: dark)");
    scheme.addEventListener("change", redraw);
    return () => {
      observer.disconnect();
      theme.disconnect();
      scheme.removeEventListener("change", redraw);
      made.destroy();
      plot.current = null;
    };
  }, [max]);
  useEffect(() => {
    plot.current?.setData([[...times], [...values]]);
  }, [times, values, max]);
  return (
    <figure className={styles.chart}>
      <figcaption>
        <span className={styles.name}>{name}</span>
        <span className={styles.now}>{now === null ? "not told" : shown(now)}</span>
      </figcaption>
      <div ref={place} className={styles.place} aria-hidden="true" />
      <p className={styles.meaning}>{meaning}</p>
    </figure>
  );
}

function options(
  element: HTMLElement,
  max: number | null,
  shown: (value: number) => string,
): uPlot.Options {
  const colour = (token: string) => () => {
    const probe = document.createElement("span");
    probe.style.color = `var(${token})`;
    element.append(probe);
    const found = getComputedStyle(probe).color;
    probe.remove();
    return found;
  };
  const font = () => `11px ${getComputedStyle(document.documentElement).fontFamily}`;
  const axis = {
    stroke: colour("--text-3"),
    font: font(),
    grid: { stroke: colour("--line"), width: 1 },
    ticks: { show: false },
  };
  return {
    width: Math.max(1, element.clientWidth),
    height: HEIGHT_PX,
    legend: { show: false },
    cursor: { y: false, points: { size: 6 } },
    padding: [8, RIGHT_PX, 0, 0],
    scales: {
      x: { time: true },
      y: {
        range: (_plot, _low, high) => [
          0,
          max ?? (Number.isFinite(high) && high > 0 ? high * 1.2 : 1),
        ],
      },
    },
    axes: [
      {
        ...axis,
        grid: { show: false },
        size: 24,
        space: 80,
        values: (plot, splits) =>
          splits.map((at) => {
            const beside = plot.bbox.width / devicePixelRatio - plot.valToPos(at, "x") + RIGHT_PX;
            return beside < HALF_TIME_PX ? "" : clockOf(at); // it would be cut
          }),
      },
      {
        ...axis,
        size: 62,
        gap: 4,
        splits: (_plot, _axis, low, high) => [low, (low + high) / 2, high],
        values: (_plot, splits) => splits.map(shown),
      },
    ],
    series: [
      {},
      {
        stroke: colour("--accent-fill"),
        fill: colour("--accent-soft"),
        width: 1.5,
        points: { show: false },
        spanGaps: false,
      },
    ],
  };
}
