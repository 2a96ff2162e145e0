import { expect, it } from "vitest";
import { EMPTY_DRAFT, type Draft } from "./draft";
import { changeDraft, draftStore, keptDraft } from "./kept";

const picture = { id: "in_1", width: 8, height: 8, thumb: null };
const full: Draft = {
  ...EMPTY_DRAFT,
  prompt: "a red circle",
  checkpoint: "vace-14B",
  image: picture,
  controlVideo: { ...picture, seconds: 2.1 },
  references: [picture, picture],
  scheduler: "euler",
  loras: [{ name: "slow", high: 1, low: 0.5 }],
  carried: { step_cache: 0.2 },
};

it("a draft comes back as it was kept", () => {
  expect(keptDraft(JSON.parse(JSON.stringify(full)))).toEqual(full);
  changeDraft(full);
  expect(JSON.parse(localStorage.getItem("wan.draft") ?? "")).toEqual(draftStore.get());
});

it.each([null, 3, "draft", []])("%j is an empty one", (kept) => {
  expect(keptDraft(kept)).toEqual(EMPTY_DRAFT);
});

it.each([
  ["prompt", 3],
  ["checkpoint", "gone"],
  ["image", { id: 7 }],
  ["video", { ...picture }],
  ["references", [{}]],
  ["width", "wide"],
  ["scheduler", "magic"],
  ["loras", [{ name: "slow" }]],
  ["carried", []],
  ["variants", -1],
])("a %s that cannot be one is left out, and nothing else: %j", (name, value) => {
  const kept = keptDraft({ ...full, [name]: value, unknown: 1 });

  expect(kept).toEqual({ ...full, [name]: EMPTY_DRAFT[name as keyof Draft] });
});
