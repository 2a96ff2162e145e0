import { describe, expect, it } from "vitest";
import type { Model } from "@/shared/api";
import { axesOf, expand, numbersIn, promptsOf } from "./batch";
import { bodyOf, draftOf, EMPTY_DRAFT, type Draft } from "./draft";

const draft = (more: Partial<Draft> = {}): Draft => ({
  ...EMPTY_DRAFT,
  prompt: "a red circle",
  ...more,
});
const noSeed = () => 100;

describe("one draft", () => {
  it("asks only for what it says", () => {
    expect(expand(draft(), [], noSeed)).toEqual([{ prompt: "a red circle" }]);
  });

  it("asks for nothing without a prompt", () => {
    expect(expand(draft({ prompt: "  \n" }), [], noSeed)).toEqual([]);
  });

  it("comes back from a request, and asks for the same again", () => {
    const request = {
      checkpoint: "mini" as const,
      prompt: "a red circle",
      negative_prompt: "",
      width: 128,
      height: 64,
      num_frames: 17,
      fps: 8,
      steps: 12,
      guidance_high_noise: 4,
      guidance_low_noise: 3,
      flow_shift: 5,
      scheduler: "unipc",
      seed: 7,
      loras: [{ name: "slow", strength_high_noise: 1, strength_low_noise: 0.5, sha256: [] }],
      references: [],
      step_cache: 0.2,
    };
    expect(bodyOf(draftOf(request))).toEqual({
      checkpoint: "mini",
      prompt: "a red circle",
      negative_prompt: "",
      width: 128,
      height: 64,
      num_frames: 17,
      steps: 12,
      guidance_high_noise: 4,
      guidance_low_noise: 3,
      flow_shift: 5,
      scheduler: "unipc",
      seed: 7,
      fps: 8,
      step_cache: 0.2,
      loras: [{ name: "slow", strength_high_noise: 1, strength_low_noise: 0.5 }],
    });
  });

  it("says how its pictures are fitted only where it has some", () => {
    const image = { id: "in_1", width: 8, height: 8, thumb: null };

    expect(bodyOf(draft())).not.toHaveProperty("image_fit");
    expect(bodyOf(draft({ image }))).toMatchObject({ image: "in_1", image_fit: "crop" });
    expect(bodyOf(draft({ references: [image] }))).not.toHaveProperty("image_fit");
  });

  it("comes back with what it is made from", () => {
    const given = {
      prompt: "a fox",
      video: "v",
      strength: 0.5,
      control_video: "c",
      control_mask: "m",
      face_video: "f",
      references: ["r", "s"],
      image_fit: "pad",
    };

    expect(bodyOf(draftOf(given))).toEqual(given);
  });

  it("says how much of a video is made anew only where there is one", () => {
    expect(bodyOf(draft({ strength: 0.5 }))).not.toHaveProperty("strength");
  });

  it("says of which video its first image is a frame, as long as it is its first image", () => {
    const image = { id: "in_1", width: 8, height: 8, thumb: null, frameOf: "gen_1" };

    expect(bodyOf(draft({ image }))).toMatchObject({ made_from: "gen_1" });
    expect(bodyOf(draft({ lastImage: image }))).not.toHaveProperty("made_from");
  });
});

describe("several", () => {
  it("one for each line, where that is asked", () => {
    const prompt = "one\n\n  two ";

    expect(promptsOf(draft({ prompt, isPromptPerLine: true }))).toEqual(["one", "two"]);
    expect(promptsOf(draft({ prompt }))).toEqual(["one\n\n  two"]);
  });

  it("seeds follow each other from the one that is kept, and round the end", () => {
    const seeds = expand(draft({ variants: 3, seed: 2 ** 32 - 2 }), [], noSeed).map(
      (body) => body.seed,
    );

    expect(seeds).toEqual([2 ** 32 - 2, 2 ** 32 - 1, 0]);
  });

  it("a grid over two parameters times prompts", () => {
    const asked = expand(
      draft({ prompt: "one\ntwo", isPromptPerLine: true }),
      [
        { axis: "steps", values: [8, 12] },
        { axis: "guidanceHigh", values: [1, 4, 6] },
      ],
      noSeed,
    );

    expect(asked).toHaveLength(12);
    expect(asked[1]).toEqual({ prompt: "one", steps: 8, guidance_high_noise: 4 });
  });

  it("a grid over the guidance of one network sets both, whatever was said before", () => {
    const asked = expand(
      draft({ guidanceHigh: 9, guidanceLow: 9 }),
      [{ axis: "guidance", values: [1, 4] }],
      noSeed,
    );

    expect(asked.map((body) => [body.guidance_high_noise, body.guidance_low_noise])).toEqual([
      [1, 1],
      [4, 4],
    ]);
  });

  it("a checkpoint's parameters are those that it has", () => {
    const axes = (has_two_experts: boolean) => axesOf({ has_two_experts } as Model).join();

    expect(axes(true)).toBe("steps,guidanceHigh,guidanceLow,flowShift,seed");
    expect(axes(false)).toBe("steps,guidance,flowShift,seed");
  });

  it("a grid over seeds makes no more of them", () => {
    const asked = expand(draft({ variants: 4 }), [{ axis: "seed", values: [1, 2] }], noSeed);

    expect(asked.map((body) => body.seed)).toEqual([1, 2]);
  });

  it("numbers are read however they are set apart", () => {
    expect(numbersIn("8, 12;20\n x 3.5")).toEqual([8, 12, 20, 3.5]);
  });
});
