import { useEffect, useState, type FocusEvent, type PointerEvent } from "react";
import type { Output } from "@/shared/api";
import { frameUnder } from "./sheet";

const QUICKEST_MS = 40;

/**
 * Which frame of its sheet a card shows; null: none, so its thumbnail. The pointer moves through them, and
 * they pass once while the keyboard's focus is on the card, unless motion is not wanted.
 */
export function useScrub({ spritesheet, video }: Output) {
  const [at, setAt] = useState<number | null>(null);
  const [isWanted, setWanted] = useState(false);
  const [isFocused, setFocused] = useState(false);
  const count = spritesheet.frames.length;
  const every = Math.max(QUICKEST_MS, (video.duration_s * 1000) / count);

  useEffect(() => {
    if (!isFocused) return;
    let next = 0;
    const timer = setInterval(() => {
      if (next === count) clearInterval(timer);
      setAt(next === count ? null : next);
      next += 1;
    }, every);
    return () => {
      clearInterval(timer);
      setAt(null);
    };
  }, [isFocused, count, every]);

  const follow = (event: PointerEvent) => {
    if (event.pointerType === "touch") return;
    const { left, width } = event.currentTarget.getBoundingClientRect();
    setWanted(true);
    setAt(frameUnder((event.clientX - left) / width, count));
  };
  return {
    at,
    isWanted,
    handlers: {
      onPointerEnter: follow,
      onPointerMove: follow,
      onPointerLeave: () => setAt(null),
      onFocus({ target }: FocusEvent) {
        const isStill = matchMedia("(prefers-reduced-motion: reduce)").matches;
        if (isStill || !target.matches("a:focus-visible")) return;
        setWanted(true);
        setFocused(true);
      },
      onBlur: () => setFocused(false),
    },
  };
}
