import { QueryClientProvider } from "@tanstack/react-query";
import { act, cleanup, render, screen, waitFor } from "@testing-library/react";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { ProblemError } from "@/shared/api";
import { Connection } from "./Connection";
import { notices } from "./notifications";
import { queryClient } from "./queryClient";

type Follow = typeof import("@/shared/api/stream").follow;
type Handlers = Parameters<Follow>[1];

const stream = vi.hoisted(() => ({ handlers: null as Handlers | null }));
vi.mock("@/shared/api/stream", () => ({
  follow: ((_path, handlers) => {
    stream.handlers = handlers;
    return () => undefined;
  }) satisfies Follow,
}));

let shown: [string, NotificationOptions | undefined][];

beforeEach(() => {
  shown = [];
  const answer = { id: "a", request: { prompt: "a red fox" }, running: [], waiting: [] };
  vi.stubGlobal("fetch", () => Promise.resolve(new Response(JSON.stringify(answer))));
  function Notice(title: string, options?: NotificationOptions): void {
    shown.push([title, options]);
  }
  vi.stubGlobal("Notification", Object.assign(Notice, { permission: "granted" }));
  render(
    <QueryClientProvider client={queryClient}>
      <Connection />
    </QueryClientProvider>,
  );
});

afterEach(() => {
  cleanup();
  queryClient.clear();
  notices.set(false);
  vi.restoreAllMocks();
  vi.unstubAllGlobals();
});

function lose(status: number, detail: string): void {
  act(() => stream.handlers?.onLost?.(new ProblemError(status, "lost", detail)));
}

function ends(status: string): void {
  const data = JSON.stringify({ generation: "a", status, stage: null, attempt: 1 });
  act(() => stream.handlers?.onEvent({ id: "1", event: status, data }));
}

it("says while the stream is away, and why, and no more once it is back", () => {
  expect(screen.queryByRole("status")).toBeNull();

  lose(0, "");
  screen.getByText(/The server cannot be reached/);
  lose(429, "Too many event streams are open.");
  screen.getByText(/not told as it happens: Too many event streams are open\./);
  act(() => stream.handlers?.onOpen?.());

  expect(screen.queryByRole("status")).toBeNull();
});

it.each([
  ["completed", "The video is done"],
  ["failed", "A video failed"],
])("a notice is shown for what has %s while nobody looks", async (status, title) => {
  notices.set(true);
  vi.spyOn(document, "hidden", "get").mockReturnValue(true);

  ends("running");
  ends("cancelled");
  ends(status);

  await waitFor(() => expect(shown).toHaveLength(1));
  expect(shown[0]?.[0]).toBe(title);
  expect(shown[0]?.[1]).toMatchObject({ body: "a red fox", tag: "a" });
});

it("none is shown to who looks, nor to who did not ask for them", async () => {
  notices.set(true);
  vi.spyOn(document, "hidden", "get").mockReturnValueOnce(false).mockReturnValue(true);
  ends("completed");
  notices.set(false);
  ends("completed");
  await new Promise((resolve) => setTimeout(resolve, 20));

  expect(shown).toEqual([]);
});
