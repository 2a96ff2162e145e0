/** Where the frames of a spritesheet lie. */
import type { SheetLayout } from "@/shared/api";

/** The frame under a share (0 to 1) of the picture's width. */
export const frameUnder = (share: number, count: number) =>
  Math.min(count - 1, Math.max(0, Math.floor(share * count)));

/** The sheet as the background of one frame that covers a square. */
export function frameStyle({ columns, rows, cell_width, cell_height }: SheetLayout, at: number) {
  const share = (index: number, of: number) => `${of > 1 ? (index / (of - 1)) * 100 : 0}%`;
  return {
    aspectRatio: `${cell_width} / ${cell_height}`,
    [cell_width < cell_height ? "width" : "height"]: "100%",
    backgroundSize: `${columns * 100}% ${rows * 100}%`,
    backgroundPosition: `${share(at % columns, columns)} ${share(Math.floor(at / columns), rows)}`,
  };
}
