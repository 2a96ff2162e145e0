import { expect, it } from "vitest";
import { frameStyle, frameUnder } from "./sheet";

it("each part of the picture's width has its frame", () => {
  expect([-0.1, 0, 0.24, 0.25, 0.99, 1, 1.1].map((share) => frameUnder(share, 4))).toEqual([
    0, 0, 0, 1, 3, 3, 3,
  ]);
});

it("a frame is found by its row and column", () => {
  const layout = { columns: 3, rows: 2, cell_width: 192, cell_height: 96, frames: [0, 4, 8, 12] };

  expect(frameStyle(layout, 3)).toEqual({
    aspectRatio: "192 / 96",
    height: "100%",
    backgroundSize: "300% 200%",
    backgroundPosition: "0% 100%",
  });
  expect(frameStyle(layout, 2).backgroundPosition).toBe("100% 0%");
});

it("a sheet of one frame is shown whole, and a tall one as wide as its place", () => {
  const layout = { columns: 1, rows: 1, cell_width: 64, cell_height: 128, frames: [0] };

  expect(frameStyle(layout, 0)).toMatchObject({ backgroundPosition: "0% 0%", width: "100%" });
});
