import { expect, it } from "vitest";
import type { Model } from "@/shared/api";
import { EMPTY_DRAFT } from "@/shared/draft";
import { modeOf, pictureTrouble } from "./effective";

const model = (id: string, more: Partial<Model> = {}) =>
  ({
    id,
    available: true,
    takes_image: false,
    needs_image: false,
    takes_last_image: false,
    ...more,
  }) as Model;
const text = model("text");
const both = model("both", { takes_image: true });
const ends = model("ends", {
  takes_image: true,
  needs_image: true,
  takes_last_image: true,
  available: false,
});
const models = [text, ends, both];
const image = { id: "in_1", width: 8, height: 8, thumb: null };

it("the mode follows from what is given", () => {
  expect(modeOf(EMPTY_DRAFT)).toBe("Text to video");
  expect(modeOf({ ...EMPTY_DRAFT, image })).toBe("Text and first image to video");
  expect(modeOf({ ...EMPTY_DRAFT, image, lastImage: image })).toContain("last image");
});

it("a checkpoint that cannot take the pictures is told, with those that can, the present first", () => {
  const trouble = pictureTrouble({ ...EMPTY_DRAFT, image }, text, models);

  expect(trouble?.told).toContain("text alone");
  expect(trouble?.others.map(({ id }) => id)).toEqual(["both", "ends"]);
  expect(pictureTrouble({ ...EMPTY_DRAFT, image }, both, models)).toBeNull();
});

it("one that needs a picture says so", () => {
  expect(pictureTrouble(EMPTY_DRAFT, ends, models)?.told).toContain("add one");
});
