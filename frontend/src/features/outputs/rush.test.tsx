import { act, cleanup, render, renderHook, screen } from "@testing-library/react";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { Place } from "./Place";
import { useRush } from "./rush";

/** One frame later the window stands `px` further down. */
function scroll(px: number): void {
  act(() => {
    vi.advanceTimersByTime(16);
    vi.stubGlobal("scrollY", scrollY + px);
    dispatchEvent(new Event("scroll"));
  });
}

beforeEach(() => {
  vi.useFakeTimers();
  vi.stubGlobal("scrollY", 0);
  vi.stubGlobal("innerHeight", 900);
});

afterEach(() => {
  cleanup();
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

it("is on while the window is dragged over a whole height in an eighth of a second, and then over", () => {
  const { result } = renderHook(useRush);

  for (let frame = 0; frame < 5; frame += 1) scroll(320); // 20,000 px/s
  expect(result.current).toBe(true);

  act(() => void vi.advanceTimersByTime(200));
  expect(result.current).toBe(false);
});

it("a wheel, a fling and a jump are none", () => {
  const { result } = renderHook(useRush);

  for (let frame = 0; frame < 5; frame += 1) scroll(80); // 5,000 px/s
  expect(result.current).toBe(false);
  scroll(100_000);
  expect(result.current).toBe(false);
});

it("a place is blank while it passes, filled once it does not, and stays so", () => {
  const place = (isBlank: boolean) => <Place isBlank={isBlank}>a card</Place>;
  const { rerender } = render(place(true));
  expect(screen.queryByText("a card")).toBeNull();

  rerender(place(false));
  screen.getByText("a card");

  rerender(place(true));
  screen.getByText("a card");
});
