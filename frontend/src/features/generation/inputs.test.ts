import { expect, it } from "vitest";
import type { Model } from "@/shared/api";
import { EMPTY_DRAFT } from "@/shared/draft";
import { inputTrouble, modeOf } from "./inputs";

const model = (id: string, more: Partial<Model> = {}) =>
  ({
    id,
    available: true,
    takes_image: false,
    needs_image: false,
    takes_last_image: false,
    takes_video: false,
    takes_control: false,
    animates_character: false,
    ...more,
  }) as Model;
const text = model("text", { takes_video: true });
const both = model("both", { takes_image: true, takes_video: true });
const ends = model("ends", {
  takes_image: true,
  needs_image: true,
  takes_last_image: true,
  available: false,
});
const led = model("led", { takes_control: true });
const animates = model("animates", { animates_character: true });
const models = [text, ends, both, led, animates];
const image = { id: "in_1", width: 8, height: 8, thumb: null };
const clip = { ...image, seconds: 2 };

it.each([
  [{}, "Text to video"],
  [{ image }, "Text and first image to video"],
  [{ image, lastImage: image }, "Text, first image and last image to video"],
  [{ video: clip }, "Text and video to video"],
  [{ controlVideo: clip, references: [image] }, "Text, control video and references to video"],
  [{ controlVideo: clip, controlMask: clip }, "Text, control video and mask to video"],
  [{ controlVideo: clip, faceVideo: clip, references: [image] }, "A character, moved"],
])("the mode follows from what is given: %o", (given, told) => {
  expect(modeOf({ ...EMPTY_DRAFT, ...given }, led)).toContain(told);
});

it("the mode follows from what a checkpoint cannot do without, too", () => {
  expect(modeOf(EMPTY_DRAFT, text)).toBe("Text to video");
  expect(modeOf(EMPTY_DRAFT, ends)).toBe("Text and first image to video");
  expect(modeOf({ ...EMPTY_DRAFT, video: clip }, ends)).toBe("Text and video to video");
  expect(modeOf(EMPTY_DRAFT, animates)).toContain("A character, moved");
});

it.each([
  [{ image }, "takes no first image.", ["both"]],
  [{ image, lastImage: image }, "and no last image. None that could is here: ends.", []],
  [{ controlVideo: clip }, "takes no control video", ["led"]],
  [{ references: [image] }, "takes no reference", ["led"]],
  [{ controlVideo: clip, faceVideo: clip, references: [image] }, "no control video", ["animates"]],
])(
  "a checkpoint that cannot take it is told, with those that can and are here: %o",
  (given, told, able) => {
    const trouble = inputTrouble({ ...EMPTY_DRAFT, ...given }, text, models);

    expect(trouble?.told).toContain(told);
    expect(trouble?.others.map(({ id }) => id)).toEqual(able);
  },
);

it("one that can is not told of", () => {
  expect(inputTrouble({ ...EMPTY_DRAFT, image }, both, models)).toBeNull();
  expect(inputTrouble({ ...EMPTY_DRAFT, video: clip }, text, models)).toBeNull();
});

it("one that needs something says what", () => {
  expect(inputTrouble(EMPTY_DRAFT, ends, models)?.told).toContain("needs a first image: add it");
  expect(inputTrouble({ ...EMPTY_DRAFT, faceVideo: clip }, animates, models)?.told).toContain(
    "needs a control video and a reference: add them",
  );
  expect(inputTrouble({ ...EMPTY_DRAFT, lastImage: image }, ends, models)?.told).toContain(
    "needs a first image: add it",
  );
});
