import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { act, cleanup, fireEvent, render, screen, waitFor } from "@testing-library/react";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { changeFilters } from "./filters";
import { Gallery } from "./Gallery";

const video = (id: string) => ({
  id,
  request: { prompt: id, checkpoint: "mini", width: 128, height: 128 },
  video: { duration_s: 2 },
  spritesheet: { columns: 1, rows: 1, cell_width: 8, cell_height: 8, frames: [0] },
  rating: 0,
  favourite: false,
  deleted_at: null,
});
const page = { data: ["fox", "fox too"].map(video), next_cursor: null, facets: null };

beforeEach(() => {
  vi.stubGlobal("fetch", () => Promise.resolve(new Response(JSON.stringify(page))));
  // There is no layout here: the grid is as wide as it is said to be.
  vi.spyOn(HTMLElement.prototype, "clientWidth", "get").mockReturnValue(800);
  vi.stubGlobal(
    "ResizeObserver",
    class {
      constructor(private readonly measure: () => void) {}
      observe = () => this.measure();
      unobserve = () => undefined;
      disconnect = () => undefined;
    },
  );
});

afterEach(() => {
  cleanup();
  vi.restoreAllMocks();
  vi.unstubAllGlobals();
  history.replaceState(null, "", "/");
});

it("what was chosen is not chosen any more after another search", async () => {
  render(
    <QueryClientProvider client={new QueryClient()}>
      <Gallery />
    </QueryClientProvider>,
  );
  const choose = await screen.findByRole("checkbox", { name: "Choose: fox" });
  fireEvent.click(choose);
  screen.getByText("1 chosen");

  act(() => changeFilters({ q: "fox" }));

  await waitFor(() => expect(screen.queryByText("1 chosen")).toBeNull());
  expect(screen.queryByRole("button", { name: "Delete" })).toBeNull();
});
