import { cleanup, fireEvent, render, screen } from "@testing-library/react";
import { afterEach, expect, it, vi } from "vitest";
import type { Output } from "@/shared/api";
import { Card } from "./Card";

const video = {
  id: "gen_1",
  request: { prompt: "a fox", checkpoint: "mini", width: 128, height: 128 },
  video: { duration_s: 2 },
  spritesheet: { columns: 2, rows: 2, cell_width: 8, cell_height: 8, frames: [0, 5, 10, 16] },
  rating: 2,
  favourite: false,
  deleted_at: null,
} as unknown as Output;
const actions = { onChoose: vi.fn(), onJudge: vi.fn(), onRestore: vi.fn() };

function show(shown: Output) {
  render(<Card video={shown} search="?q=fox" isChosen={false} {...actions} />);
  const card = screen.getByRole("article");
  vi.spyOn(card, "getBoundingClientRect").mockReturnValue(new DOMRect(100, 0, 200, 200));
  return card;
}

const frame = (card: HTMLElement) =>
  card.querySelector<HTMLElement>("[style*=spritesheet]")?.style.backgroundPosition;

afterEach(() => {
  cleanup();
  vi.clearAllMocks();
});

it("the pointer moves through the frames of a video, a finger does not", () => {
  const card = show(video);
  expect(frame(card)).toBeUndefined();

  fireEvent.pointerMove(card, { clientX: 110, pointerType: "touch" });
  expect(frame(card)).toBeUndefined();
  fireEvent.pointerMove(card, { clientX: 110, pointerType: "mouse" });
  expect(frame(card)).toBe("0% 0%");
  fireEvent.pointerMove(card, { clientX: 290, pointerType: "mouse" });
  expect(frame(card)).toBe("100% 100%");
  fireEvent.pointerLeave(card);
  expect(frame(card)).toBeUndefined();
});

it("stars and heart are given, and the same star takes them away again", () => {
  show(video);

  fireEvent.click(screen.getByRole("radio", { name: "5 stars" }));
  fireEvent.click(screen.getByRole("radio", { name: "2 stars" }));
  fireEvent.click(screen.getByRole("button", { name: "Favourite: a fox", pressed: false }));

  expect(actions.onJudge.mock.calls.map(([, judgement]) => judgement as unknown)).toEqual([
    { rating: 5 },
    { rating: 0 },
    { favourite: true },
  ]);
  expect(screen.getByRole("link").getAttribute("href")).toBe("/outputs/gen_1?q=fox");
});

it("one that was deleted can be brought back, and is not judged", () => {
  show({ ...video, deleted_at: new Date().toISOString() });

  fireEvent.click(screen.getByRole("button", { name: "Restore: a fox" }));

  expect(actions.onRestore).toHaveBeenCalledWith("gen_1");
  expect(screen.queryByRole("radio")).toBeNull();
});
