/** Whether a list passes faster than anybody could look at it. */
import { startTransition, useEffect, useState } from "react";

/** What is in the window for less than so many seconds passes unseen. */
const SEEN_S = 0.125;
/** So long after the last fast scroll it is over. */
const STILL_MS = 100;

/** A scroll: where it led (px), when (ms), and how many in a row, with it, were too fast to see anything. */
export interface Scroll {
  at: number;
  ms: number;
  fast: number;
}

/** The scroll after `before`, in a window so many pixels high. */
export function scrolled(before: Scroll, at: number, ms: number, windowPx: number): Scroll {
  const pxPerMs = Math.abs(at - before.at) / Math.max(1, ms - before.ms);
  const isFast = pxPerMs * 1000 * SEEN_S > windowPx;
  return { at, ms, fast: isFast ? before.fast + 1 : 0 };
}

/** A single fast one is a jump: where it leads is looked at. */
export const isRush = ({ fast }: Scroll) => fast > 1;

/** Of the window's own scrolling. */
export function useRush(): boolean {
  const [isRushing, setRushing] = useState(false);
  useEffect(() => {
    let last: Scroll = { at: scrollY, ms: performance.now(), fast: 0 };
    let over: ReturnType<typeof setTimeout> | undefined;
    // What then fills may take several frames: who scrolls on does not wait for it.
    const end = () => startTransition(() => setRushing(false));
    const look = () => {
      last = scrolled(last, scrollY, performance.now(), innerHeight);
      if (!isRush(last)) return;
      setRushing(true);
      clearTimeout(over);
      over = setTimeout(end, STILL_MS);
    };
    addEventListener("scroll", look, { passive: true });
    return () => {
      removeEventListener("scroll", look);
      clearTimeout(over);
    };
  }, []);
  return isRushing;
}
