import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { act, cleanup, fireEvent, renderHook, screen, waitFor } from "@testing-library/react";
import type { ReactNode } from "react";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { HintProvider, Toasts } from "@/shared/ui";
import { useDelete, useLibrary } from "./library";

const page = { data: [], next_cursor: null, facets: null };
let asked: string[];

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
  vi.stubGlobal("fetch", ({ method, url }: Request) => {
    asked.push(`${method} ${url.slice(url.indexOf("/outputs"))}`);
    const isDeleted = method === "DELETE";
    return Promise.resolve(
      isDeleted ? new Response(null, { status: 204 }) : new Response(JSON.stringify(page)),
    );
  });
});

afterEach(cleanup);

it("asks for the words that are looked for, and for all where there are none", async () => {
  const { rerender } = renderHook(({ words }) => useLibrary(words), {
    wrapper,
    initialProps: { words: " " },
  });
  await waitFor(() => expect(asked).toEqual(["GET /outputs?limit=60"]));

  rerender({ words: " red fox " });

  await waitFor(() => expect(asked.at(-1)).toBe("GET /outputs?limit=60&q=red%20fox"));
});

it("what is deleted is brought back by one click", async () => {
  const { result } = renderHook(() => useDelete(), { wrapper });

  act(() => result.current.mutate(["a", "b"]));
  const undo = await screen.findByRole("button", { name: "Undo" });
  expect(asked).toEqual(["DELETE /outputs/a", "DELETE /outputs/b"]);
  fireEvent.click(undo);

  await waitFor(() =>
    expect(asked.slice(2)).toEqual(["POST /outputs/a/restore", "POST /outputs/b/restore"]),
  );
});
