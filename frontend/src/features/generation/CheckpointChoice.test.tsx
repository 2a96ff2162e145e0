import { cleanup, fireEvent, render, screen, within } from "@testing-library/react";
import { afterEach, beforeEach, expect, it } from "vitest";
import type { Model } from "@/shared/api";
import { draftStore, EMPTY_DRAFT } from "@/shared/draft";
import { HintProvider } from "@/shared/ui";
import { CheckpointChoice } from "./CheckpointChoice";

const model = (id: string, more: Partial<Model> = {}) =>
  ({
    id,
    title: `The title of ${id}`,
    available: true,
    state: "ready",
    size_bytes: null,
    takes_image: false,
    needs_image: false,
    takes_last_image: false,
    takes_video: false,
    takes_control: false,
    animates_character: false,
    defaults: { width: 128, height: 64 },
    max_frames: 33,
    ...more,
  }) as Model;
const mini = model("mini", { takes_video: true });
const animate = model("animate-14B", {
  available: false,
  state: "not here",
  animates_character: true,
});

beforeEach(() => {
  draftStore.set({ ...EMPTY_DRAFT, steps: 7 });
  render(
    <HintProvider>
      <CheckpointChoice models={[mini, animate]} chosen={mini} />
    </HintProvider>,
  );
  fireEvent.click(screen.getByRole("button", { name: /^mini/ }));
});

afterEach(cleanup);

it("a card has one control, which chooses it and closes the dialog", () => {
  for (const card of within(screen.getByRole("list")).getAllByRole("listitem")) {
    expect(card.querySelectorAll("a, button, [tabindex]")).toHaveLength(1);
  }

  fireEvent.click(screen.getByRole("button", { name: "animate-14B" }));

  expect(draftStore.get()).toMatchObject({ checkpoint: "animate-14B", steps: null });
  expect(screen.queryByRole("dialog")).toBeNull();
});

it("the chosen one is told as such, and has the focus", () => {
  const chosen = within(screen.getByRole("list")).getByRole("button", { name: "mini" });

  expect(chosen.getAttribute("aria-current")).toBe("true");
  expect(document.activeElement).toBe(chosen);
});

it("a card says all that its checkpoint takes, and cannot do without", () => {
  screen.getByText("text · a video to make anew · 128 × 64 · up to 33 frames");
  screen.getByText(/needs a reference, a pose and a face video/);
});
