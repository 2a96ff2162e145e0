import { afterEach, describe, expect, it } from "vitest";
import {
  changeFilters,
  clearFilters,
  dayBefore,
  filtersOf,
  isNarrowed,
  NO_FILTERS,
  queryOf,
  searchOf,
  toggled,
  type Filters,
} from "./filters";

const all: Filters = {
  q: "red & 50%20 fox",
  checkpoint: ["mini", "mini-ti2v"],
  lora: ["a/b c?&=#"],
  size: ["128x128"],
  since: "2026-02-27",
  until: "2026-02-28",
  minRating: 3,
  isFavourite: true,
  isDeleted: true,
};

afterEach(() => history.replaceState(null, "", "/"));

describe("filters in the address", () => {
  it("are read as they were written, whatever values are called", () => {
    expect(filtersOf(searchOf(all))).toEqual(all);
    expect(searchOf(filtersOf(""))).toBe("");
    expect(filtersOf("")).toEqual(NO_FILTERS);
  });

  it.each([
    ["?min_rating=99", { minRating: 5 }],
    ["?min_rating=-1", {}],
    ["?min_rating=2.5", {}],
    ["?min_rating=many", {}],
    ["?since=yesterday&until=2026-02-30", {}],
    ["?favourite=no&deleted=1", {}],
    [`?q=${"x".repeat(300)}`, { q: "x".repeat(200) }],
  ])("make sense, whatever is written there: %s", (search, meant) => {
    expect(filtersOf(search)).toEqual({ ...NO_FILTERS, ...meant });
  });

  it("change one by one and are cleared together, but for the list that is looked at", () => {
    history.replaceState(null, "", "/outputs?deleted=true&size=128x128");

    changeFilters({ checkpoint: ["mini"] });
    expect(location.search).toBe("?checkpoint=mini&size=128x128&deleted=true");
    clearFilters();
    expect(location.pathname + location.search).toBe("/outputs?deleted=true");
    changeFilters({ isDeleted: false });
    expect(location.search).toBe("");
  });
});

it("the server is asked in instants, from the beginning of the first day to the end of the last", () => {
  expect(queryOf(NO_FILTERS)).toEqual({});
  expect(queryOf({ ...all, q: " red " })).toEqual({
    q: "red",
    checkpoint: ["mini", "mini-ti2v"],
    lora: ["a/b c?&=#"],
    size: ["128x128"],
    since: new Date(2026, 1, 27).toISOString(),
    until: new Date(2026, 2, 1).toISOString(),
    min_rating: 3,
    favourite: true,
    deleted: true,
  });
});

it("days are counted back over the ends of months and years", () => {
  expect(dayBefore(0, new Date(2026, 0, 5, 23, 59))).toBe("2026-01-05");
  expect(dayBefore(6, new Date(2026, 0, 5))).toBe("2025-12-30");
});

it("a list is narrowed by what is looked for, not by blanks, nor by being that of deleted ones", () => {
  expect(isNarrowed(NO_FILTERS)).toBe(false);
  expect(isNarrowed({ ...NO_FILTERS, q: "  ", isDeleted: true })).toBe(false);
  expect(isNarrowed({ ...NO_FILTERS, since: "2026-02-27" })).toBe(true);
});

it("a value is chosen, and then no more", () => {
  expect(toggled(["a"], "b")).toEqual(["a", "b"]);
  expect(toggled(["a", "b"], "a")).toEqual(["b"]);
});
