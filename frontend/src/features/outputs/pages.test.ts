import { describe, expect, it } from "vitest";
import type { Facets, Output, OutputPage } from "@/shared/api";
import { changed, FRONT, knownAt, placeAfter, renewed, type Page, type Pages } from "./pages";

const videos = (ids: string) => Array.from(ids, (id) => ({ id, rating: 0 }) as Output);
const facets = (total: number, rated = 0) =>
  ({
    total,
    rating: [
      { value: "0", count: total - rated },
      { value: "5", count: rated },
    ],
    favourite: [{ value: "false", count: total }],
  }) as unknown as Facets;
const told = (ids: string, total: number, rated = 0): OutputPage => ({
  data: videos(ids),
  next_cursor: ids.length < total ? (ids.at(-1) ?? null) : null,
  facets: facets(total, rated),
});
const known: Page = { ...told("cdef", 10, 1), edition: 3 };
const idsOf = (page: Page) => page.data.map(({ id }) => id).join("");

describe("the front of a list that is told anew", () => {
  it("stays what it was where nothing has changed", () => {
    expect(renewed(known, told("cdef", 10, 1))).toEqual(known);
  });

  it("grows by what is new in front, and what follows stays where it was", () => {
    const page = renewed(known, told("abcd", 12, 1));

    expect(idsOf(page)).toBe("abcdef");
    expect(page.facets?.total).toBe(12);
    expect(placeAfter(page)).toEqual(placeAfter(known));
  });

  it.each([
    ["nothing is known", undefined, told("cdef", 10, 1)],
    ["one in front is gone", known, told("defg", 9, 1)],
    ["one within is gone", known, told("cefg", 9, 1)],
    ["one behind is gone", known, told("cdef", 9, 1)],
    ["one is new and another gone", known, told("bcde", 10, 1)],
    ["one came back within", known, told("cxde", 11, 1)],
    ["there are too many new ones", known, told("wxyz", 14, 1)],
    ["stars were given elsewhere", known, told("cdef", 10, 2)],
    ["none is left", known, told("", 0)],
  ])("begins a new edition where %s", (_why, before, page) => {
    const edition = (before?.edition ?? 0) + 1;
    expect(renewed(before, page)).toEqual({ ...page, edition });
  });
});

describe("pages of a list", () => {
  const second: Page = { ...told("ghij", 10), next_cursor: null, facets: null, edition: 3 };
  const pages: Pages = { pages: [known, second], pageParams: [FRONT, { cursor: "f", edition: 3 }] };

  it("are known as long as the edition is the same; the front is asked for each time", () => {
    expect(knownAt({ cursor: "f", edition: 3 }, pages)).toBe(second);
    expect(knownAt({ cursor: "f", edition: 4 }, pages)).toBeUndefined();
    expect(knownAt({ cursor: "j", edition: 3 }, pages)).toBeUndefined();
    expect(knownAt(FRONT, pages)).toBeUndefined();
    expect(knownAt({ cursor: "f", edition: 3 }, undefined)).toBeUndefined();
    expect(placeAfter(second)).toBeNull();
  });

  it("change with one of their videos, and only the page that has it", () => {
    const after = changed(pages, "h", { rating: 4 });

    expect(after.pages[0]).toBe(known);
    expect(after.pages[1]?.data.map(({ rating }) => rating)).toEqual([0, 4, 0, 0]);
  });
});
