import { cleanup, fireEvent, render, screen } from "@testing-library/react";
import { afterEach, expect, it } from "vitest";
import { filtersOf } from "./filters";
import { Nothing } from "./Nothing";

afterEach(() => {
  cleanup();
  history.replaceState(null, "", "/");
});

it.each([
  ["", "No videos yet"],
  ["?deleted=true", "Nothing is deleted"],
  ["?favourite=true", "No favourites yet"],
  ["?min_rating=4", "No video has that many stars"],
  ["?q=fox", "Nothing found"],
  ["?q=fox&favourite=true", "Nothing found"],
  ["?deleted=true&size=8x8", "Nothing found"],
  ["?deleted=true&favourite=true", "Nothing found"],
])("says why nothing is there: %s", (search, title) => {
  render(<Nothing filters={filtersOf(search)} />);

  expect(screen.getByRole("heading").textContent).toBe(title);
});

it("filters that leave nothing are cleared at once", () => {
  history.replaceState(null, "", "/outputs?q=fox&size=8x8");
  render(<Nothing filters={filtersOf(location.search)} />);

  fireEvent.click(screen.getByRole("button", { name: "Clear filters" }));

  expect(location.pathname + location.search).toBe("/outputs");
});
