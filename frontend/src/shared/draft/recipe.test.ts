import { describe, expect, it } from "vitest";
import { recipeIn } from "./recipe";

function box(type: string, ...parts: Uint8Array[]): Uint8Array {
  const size = 8 + parts.reduce((sum, part) => sum + part.length, 0);
  const made = new Uint8Array(size);
  new DataView(made.buffer).setUint32(0, size);
  made.set(
    Uint8Array.from({ length: 4 }, (_, index) => type.charCodeAt(index)),
    4,
  );
  let at = 8;
  for (const part of parts) {
    made.set(part, at);
    at += part.length;
  }
  return made;
}

const text = (value: string) => new TextEncoder().encode(value);
const zeros = (count: number) => new Uint8Array(count);

function number(value: number): Uint8Array {
  const made = new Uint8Array(4);
  new DataView(made.buffer).setUint32(0, value);
  return made;
}

const data = (value: string) => box("data", zeros(8), text(value));

/** The comment as FFmpeg writes it with tags of its own: by its number in a table of keys. */
function keyed(comment: string): Uint8Array[] {
  const keys = box(
    "keys",
    zeros(4),
    number(2),
    box("mdta", text("encoder")),
    box("mdta", text("comment")),
  );
  const first = box("\0\0\0\u0001", data("Lavf62"));
  return [box("hdlr", zeros(25)), keys, box("ilst", first, box("\0\0\0\u0002", data(comment)))];
}

/** And by its name, as players write it. */
function named(comment: string): Uint8Array[] {
  const list = box("ilst", box("\u00a9too", data("Lavf62")), box("\u00a9cmt", data(comment)));
  return [box("hdlr", zeros(25)), list];
}

/** An MP4 as far as its metadata goes, the movie before or behind the media. */
function mp4(comment: string, { last = false, items = keyed } = {}): Blob {
  const meta = box("meta", zeros(4), ...items(comment));
  const movie = box("moov", box("mvhd", zeros(100)), box("udta", meta));
  const media = box("mdat", zeros(64));
  const parts = [box("ftyp", text("isom")), ...(last ? [media, movie] : [movie, media])];
  return new Blob(parts.map((part) => part.slice()));
}

const recipe = JSON.stringify({
  generator: "Wan Studio",
  request: { prompt: "ein Körper — 圆", seed: 7 },
});

describe("the recipe in a file", () => {
  it.each([{ last: false }, { last: true }, { items: named }])(
    "is found however it lies there: %o",
    async (where) => {
      expect(await recipeIn(mp4(recipe, where))).toEqual({ prompt: "ein Körper — 圆", seed: 7 });
    },
  );

  it("a file without one says so", async () => {
    await expect(recipeIn(new Blob([box("ftyp", text("isom")).slice()]))).rejects.toThrow(
      "no recipe",
    );
    await expect(recipeIn(new Blob(["GIF89a, no MP4 at all"]))).rejects.toThrow("no recipe");
  });

  it("another's comment is no recipe", async () => {
    await expect(recipeIn(mp4("made at home"))).rejects.toThrow("not a recipe");
    await expect(recipeIn(mp4('{"title": 1}'))).rejects.toThrow("not a recipe");
  });

  it("a box that lies about its size ends the search", async () => {
    const lying = box("moov", zeros(8));
    new DataView(lying.buffer).setUint32(0, 2 ** 31);

    await expect(recipeIn(new Blob([lying.slice()]))).rejects.toThrow("no recipe");
  });
});
