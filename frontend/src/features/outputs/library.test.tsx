import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { act, cleanup, fireEvent, renderHook, screen, waitFor } from "@testing-library/react";
import type { ReactNode } from "react";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { HintProvider, Toasts } from "@/shared/ui";
import { NO_FILTERS, type Filters } from "./filters";
import { useDelete, useLibrary } from "./library";

const videos = (from: number, count: number) =>
  Array.from({ length: count }, (_, index) => ({ id: `v${from - index}` }));
let newest: number;
let asked: string[];
let refused: Record<string, number>;

/** A library of `newest` videos, in pages of three. */
function page(url: string) {
  const cursor = new URL(url).searchParams.get("cursor");
  const from = cursor ? Number(cursor.slice(1)) - 1 : newest;
  const count = Math.min(3, from);
  const facets = { total: newest, rating: [], favourite: [] };
  return {
    data: videos(from, count),
    next_cursor: from > count ? `v${from - count + 1}` : null,
    facets: cursor ? null : facets,
  };
}

const wrapper = ({ children }: { children: ReactNode }) => (
  <QueryClientProvider client={new QueryClient()}>
    {children}
    <HintProvider>
      <Toasts />
    </HintProvider>
  </QueryClientProvider>
);

beforeEach(() => {
  asked = [];
  refused = {};
  newest = 0;
  vi.stubGlobal("fetch", ({ method, url }: Request) => {
    const call = `${method} ${url.slice(url.indexOf("/outputs"))}`;
    asked.push(call);
    const status = refused[call] ?? (method === "DELETE" ? 204 : 200);
    const told = status >= 400 ? { detail: `No: ${status}.` } : page(url);
    return Promise.resolve(new Response(status === 204 ? null : JSON.stringify(told), { status }));
  });
});

afterEach(cleanup);

it("asks for what is looked for", async () => {
  const { rerender } = renderHook((filters: Filters) => useLibrary(filters), {
    wrapper,
    initialProps: NO_FILTERS,
  });
  await waitFor(() => expect(asked).toEqual(["GET /outputs?limit=60"]));

  rerender({ ...NO_FILTERS, q: " red fox ", minRating: 4 });

  await waitFor(() => expect(asked.at(-1)).toBe("GET /outputs?q=red%20fox&min_rating=4&limit=60"));
});

it("a new video costs one question, however many pages were looked at", async () => {
  newest = 8;
  const { result } = renderHook(() => useLibrary(NO_FILTERS), { wrapper });
  const shown = () => result.current.data?.pages.flatMap(({ data }) => data.map(({ id }) => id));
  await waitFor(() => expect(shown()).toEqual(["v8", "v7", "v6"]));
  await act(() => result.current.fetchNextPage());
  await act(() => result.current.fetchNextPage());
  await waitFor(() => expect(shown()?.at(-1)).toBe("v1"));
  asked = [];

  newest = 9;
  await act(() => result.current.refetch());

  await waitFor(() => expect(shown()?.join(" ")).toBe("v9 v8 v7 v6 v5 v4 v3 v2 v1"));
  expect(asked).toEqual(["GET /outputs?limit=60"]);
  expect(result.current.data?.pages[0]?.facets?.total).toBe(9);
});

it("where one is gone, all that was looked at is asked for anew", async () => {
  newest = 5;
  const { result } = renderHook(() => useLibrary(NO_FILTERS), { wrapper });
  await waitFor(() => expect(result.current.hasNextPage).toBe(true));
  await act(() => result.current.fetchNextPage());
  asked = [];

  newest = 4;
  await act(() => result.current.refetch());

  await waitFor(() =>
    expect(result.current.data?.pages.flatMap(({ data }) => data).length).toBe(4),
  );
  expect(asked).toEqual(["GET /outputs?limit=60", "GET /outputs?limit=200&cursor=v2"]);
});

it("what is deleted is brought back by one click", async () => {
  const { result } = renderHook(() => useDelete(), { wrapper });

  act(() => result.current.mutate(["a", "b"]));
  const undo = await screen.findByRole("button", { name: "Undo" });
  expect(asked.slice(0, 2)).toEqual(["DELETE /outputs/a", "DELETE /outputs/b"]);
  fireEvent.click(undo);

  await waitFor(() =>
    expect(asked.slice(-2)).toEqual(["POST /outputs/a/restore", "POST /outputs/b/restore"]),
  );
});

it("of several, what could not be deleted is said, and only the others are brought back", async () => {
  refused["DELETE /outputs/b"] = 507;
  const { result } = renderHook(() => useDelete(), { wrapper });

  act(() => result.current.mutate(["a", "b", "c"]));
  await screen.findByText("2 videos are deleted.");
  await screen.findByText("1 of 3 could not be deleted: No: 507.");
  fireEvent.click(screen.getByRole("button", { name: "Undo" }));

  await waitFor(() =>
    expect(asked.slice(-2)).toEqual(["POST /outputs/a/restore", "POST /outputs/c/restore"]),
  );
});

it("offers no way back where the server keeps nothing that is deleted", async () => {
  refused["GET /outputs/a"] = 404;
  const { result } = renderHook(() => useDelete(), { wrapper });

  act(() => result.current.mutate(["a"]));

  await screen.findByText("The video is deleted.");
  expect(screen.queryByRole("button", { name: "Undo" })).toBeNull();
});
