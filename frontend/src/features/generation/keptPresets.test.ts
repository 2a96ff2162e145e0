import { beforeEach, expect, it } from "vitest";
import { EMPTY_DRAFT, type Draft } from "@/shared/draft";
import { dropPreset, keepPreset, keptPresets, ownPresets, settingsOf, toldOf } from "./keptPresets";

const image = { id: "in_1", width: 8, height: 8, thumb: null };
const draft: Draft = {
  ...EMPTY_DRAFT,
  checkpoint: "mini",
  prompt: "a red circle",
  image,
  references: [image],
  steps: 20,
  seed: 7,
  variants: 4,
};

beforeEach(() => ownPresets.set([]));

it("settings are neither what is shown nor what it is made from, and the prompt only if asked", () => {
  const settings = settingsOf(draft, false);

  expect(settings).toMatchObject({ checkpoint: "mini", steps: 20, seed: 7, width: null });
  for (const name of ["prompt", "image", "references", "variants"]) {
    expect(settings).not.toHaveProperty(name);
  }
  expect(settingsOf(draft, true).prompt).toBe("a red circle");
});

it("one takes the place of another of its name, and lies in the browser's storage", () => {
  keepPreset({ name: "b", settings: settingsOf(draft, false) });
  keepPreset({ name: "a", settings: settingsOf(draft, false) });
  keepPreset({ name: "b", settings: settingsOf({ ...draft, steps: 9 }, false) });

  expect(ownPresets.get().map(({ name, settings }) => [name, settings.steps])).toEqual([
    ["a", 20],
    ["b", 9],
  ]);
  expect(keptPresets(JSON.parse(localStorage.getItem("wan.presets") ?? ""))).toEqual(
    ownPresets.get(),
  );
  dropPreset("a");
  expect(ownPresets.get()).toHaveLength(1);
});

it.each([
  null,
  "presets",
  [null, 3, { name: "" }, { name: "x" }, { name: 3, settings: {} }, { name: "x", settings: null }],
])("what is none is left out: %j", (kept) => {
  expect(keptPresets(kept)).toEqual([]);
});

it("a setting that cannot be one is left to the checkpoint", () => {
  const settings = { checkpoint: "gone", steps: "many", scheduler: "euler", seed: 7, image: "x" };
  const [preset] = keptPresets([{ name: "odd", settings }]);

  expect(preset?.settings).toEqual({
    ...settingsOf(EMPTY_DRAFT, false),
    scheduler: "euler",
    seed: 7,
  });
});

it("one is told by what it says", () => {
  expect(toldOf({ name: "a", settings: settingsOf(draft, true) })).toBe(
    "mini · 20 steps · seed 7 · “a red circle”",
  );
  expect(toldOf({ name: "a", settings: {} })).toContain("as the checkpoint has it");
});
