import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { act, renderHook, waitFor } from "@testing-library/react";
import type { ReactNode } from "react";
import { beforeEach, describe, expect, it, vi } from "vitest";
import type { Queue } from "@/shared/api";
import { moved, useCancel, useGeneration, useMove } from "./queries";

const job = (id: string) => ({ id, priority: 0 }) as Queue["waiting"][number];
const queue = (...ids: string[]) => ({ running: [], waiting: ids.map(job) }) as unknown as Queue;
const refusal = { detail: "It has ended already.", code: "conflict", errors: [] };

let client: QueryClient;
const shown = () => client.getQueryData<Queue>(["queue"])?.waiting.map(({ id }) => id);
const wrapper = ({ children }: { children: ReactNode }) => (
  <QueryClientProvider client={client}>{children}</QueryClientProvider>
);

beforeEach(() => {
  client = new QueryClient();
  client.setQueryData(["queue"], queue("a", "b", "c"));
});

describe("a change of the queue", () => {
  it("is shown before the server has answered, and taken back where it refuses", async () => {
    let refuse: (response: Response) => void = () => undefined;
    vi.stubGlobal("fetch", () => new Promise<Response>((resolve) => (refuse = resolve)));
    const { result } = renderHook(() => useCancel(), { wrapper });

    act(() => result.current.mutate("b"));
    await waitFor(() => expect(shown()).toEqual(["a", "c"]));
    refuse(new Response(JSON.stringify(refusal), { status: 409 }));

    await waitFor(() => expect(result.current.error?.message).toBe("It has ended already."));
    expect(shown()).toEqual(["a", "b", "c"]);
  });

  it("a move asks for the place counted from one", async () => {
    const bodies: unknown[] = [];
    vi.stubGlobal("fetch", async (request: Request) => {
      bodies.push(await request.json());
      return new Response("{}", { status: 200 });
    });
    const { result } = renderHook(() => useMove(), { wrapper });

    act(() => result.current.mutate({ id: "c", position: 1 }));

    await waitFor(() => expect(bodies).toEqual([{ position: 1 }]));
    expect(shown()).toEqual(["c", "a", "b"]);
  });

  it("moves within the list and leaves the others in order", () => {
    expect(moved(["a", "b", "c", "d"].map(job), "a", 2).map(({ id }) => id)).toEqual([
      "b",
      "c",
      "a",
      "d",
    ]);
    expect(moved(["a", "b"].map(job), "gone", 0).map(({ id }) => id)).toEqual(["a", "b"]);
  });
});

it("a generation that is not there is not asked for again", async () => {
  vi.useFakeTimers();
  let asked = 0;
  vi.stubGlobal("fetch", () => {
    asked += 1;
    return Promise.resolve(new Response(JSON.stringify({ detail: "None." }), { status: 404 }));
  });
  client.setDefaultOptions({ queries: { retry: false } });

  renderHook(() => useGeneration("gone"), { wrapper });
  await vi.advanceTimersByTimeAsync(60_000);
  vi.useRealTimers();

  expect(asked).toBe(1);
});
