import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { act, cleanup, fireEvent, renderHook, screen, waitFor } from "@testing-library/react";
import type { ReactNode } from "react";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { HintProvider, Toasts } from "@/shared/ui";
import { useDelete, useLibrary } from "./library";

const page = { data: [], next_cursor: null, facets: null };
let asked: string[];
let refused: Record<string, number>;

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
  vi.stubGlobal("fetch", ({ method, url }: Request) => {
    const call = `${method} ${url.slice(url.indexOf("/outputs"))}`;
    asked.push(call);
    const status = refused[call] ?? (method === "DELETE" ? 204 : 200);
    const told = status >= 400 ? { detail: `No: ${status}.` } : page;
    return Promise.resolve(new Response(status === 204 ? null : JSON.stringify(told), { status }));
  });
});

afterEach(cleanup);

it("asks for the words that are looked for, and for all where there are none", async () => {
  const { rerender } = renderHook(({ words }) => useLibrary(words), {
    wrapper,
    initialProps: { words: " " },
  });
  await waitFor(() => expect(asked).toEqual(["GET /outputs?limit=60&counted=false"]));

  rerender({ words: " red fox " });

  await waitFor(() => expect(asked.at(-1)).toBe("GET /outputs?limit=60&counted=false&q=red%20fox"));
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
