import { expect, it } from "vitest";
import { bodyOf, draftOf, leftToPreset } from "./draft";

const GIVEN = {
  fps: 24,
  video: "v",
  strength: 0.5,
  control_video: "c",
  control_mask: "m",
  face_video: "f",
  references: ["r"],
};

it("another preset takes over what presets stand for, and keeps what the video is made from", () => {
  const draft = draftOf({
    ...GIVEN,
    prompt: "a fox",
    steps: 30,
    guidance_until: 0.5,
    step_cache: 0.1,
    loras_from: 0.9,
    precision: "fp8",
  });

  const changed = { ...draft, ...leftToPreset(draft, "fast") };

  expect(changed.carried).toEqual({ fps: 24 });
  expect(bodyOf(changed)).toMatchObject({ ...GIVEN, preset: "fast" });
  expect(Object.keys(bodyOf(changed))).not.toContain("steps");
});
