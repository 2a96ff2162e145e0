import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { act, cleanup, fireEvent, render, screen, waitFor } from "@testing-library/react";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { Gallery } from "./Gallery";
import { searched } from "./library";

const video = (id: string) => ({
  id,
  request: { prompt: id, checkpoint: "mini", width: 128, height: 128 },
  video: { duration_s: 2 },
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
});

it("what was chosen is not chosen any more after another search", async () => {
  render(
    <QueryClientProvider client={new QueryClient()}>
      <Gallery />
    </QueryClientProvider>,
  );
  const choose = await screen.findByRole("checkbox", { name: "Compare: fox" });
  fireEvent.click(choose);
  screen.getByText("Choose one more to compare");

  act(() => searched.set("fox"));

  await waitFor(() => expect(screen.queryByText("Choose one more to compare")).toBeNull());
  expect(screen.queryByRole("button", { name: "Delete" })).toBeNull();
});
