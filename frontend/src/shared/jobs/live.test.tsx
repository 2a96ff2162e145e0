import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { act, cleanup, renderHook, waitFor } from "@testing-library/react";
import type { ReactNode } from "react";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import type { Generation, Queue, Snapshot } from "@/shared/api";
import { useLiveJobs } from "./live";
import { useTraces } from "./traces";

type Follow = typeof import("@/shared/api/stream").follow;
type Handlers = Parameters<Follow>[1];

const streams = vi.hoisted(() => new Map<string, Handlers>());
vi.mock("@/shared/api/stream", () => ({
  follow: ((path, handlers) => {
    streams.set(path, handlers);
    return () => streams.delete(path);
  }) satisfies Follow,
}));

const job = (id: string, more: Partial<Generation> = {}) =>
  ({ id, status: "queued", stage: null, step: 0, attempts: 0, ...more }) as Generation;
const told = (generation: string, more: Partial<Snapshot> = {}): Snapshot => ({
  generation,
  status: "running",
  stage: null,
  step: 0,
  steps: 12,
  progress: 0,
  attempt: 1,
  message: null,
  code: null,
  at: "2026-01-01T00:00:00Z",
  preview_step: null,
  ...more,
});

let client: QueryClient;
let asked: string[];

const wrapper = ({ children }: { children: ReactNode }) => (
  <QueryClientProvider client={client}>{children}</QueryClientProvider>
);
const queue = () => client.getQueryData<Queue>(["queue"]);
const ids = (jobs: readonly Generation[] | undefined) => jobs?.map(({ id }) => id);
function happens(event: string, snapshot: Snapshot, path = "/api/v1/events"): void {
  act(() => streams.get(path)?.onEvent({ id: "1", event, data: JSON.stringify(snapshot) }));
}

beforeEach(() => {
  streams.clear();
  asked = [];
  // Nothing is answered: what is seen, the events have told.
  vi.stubGlobal("fetch", ({ url }: Request) => {
    asked.push(url.slice(url.indexOf("/api/v1/") + 7));
    return new Promise(() => undefined);
  });
  client = new QueryClient({ defaultOptions: { queries: { staleTime: Infinity } } });
});

afterEach(() => {
  cleanup();
  vi.unstubAllGlobals();
});

function live(running: Generation[], waiting: Generation[]) {
  client.setQueryData(["queue"], { running, waiting, length: waiting.length, slots: [] });
  const seen: Snapshot[] = [];
  const tell = (snapshot: Snapshot) => seen.push(snapshot);
  const { result } = renderHook(() => (useLiveJobs(tell), useTraces()), { wrapper });
  return { seen, traces: () => result.current };
}

it("follows one stream, however many run", () => {
  live([job("a"), job("b"), job("c")], []);

  expect([...streams.keys()]).toEqual(["/api/v1/events"]);
});

it("shows what an event tells at once, before the server is asked", () => {
  live([], [job("a"), job("b")]);

  happens("started", told("a"));
  expect([ids(queue()?.running), ids(queue()?.waiting), queue()?.length]).toEqual([
    ["a"],
    ["b"],
    1,
  ]);
  happens("step", told("a", { stage: "denoising", step: 3, progress: 0.25 }));
  expect(queue()?.running[0]).toMatchObject({ stage: "denoising", step: 3, progress: 0.25 });
  happens("completed", told("a", { status: "completed" }));

  expect([ids(queue()?.running), ids(queue()?.waiting)]).toEqual([[], ["b"]]);
  expect(client.getQueryData<Generation>(["generation", "a"])?.status).toBe("completed");
});

it("asks for what an event does not tell, and once more for all that came meanwhile", async () => {
  live([], [job("a")]);

  happens("step", told("a", { stage: "denoising", step: 1 }));
  expect(asked).toEqual([]);
  for (let times = 0; times < 5; times += 1) happens("moved", told("a"));

  await waitFor(() => expect(asked).toEqual(["/queue?limit=200"]));
});

it("an event of an attempt before changes nothing", () => {
  live([job("a", { status: "running", attempts: 2, step: 5 })], []);

  happens("step", told("a", { step: 9, attempt: 1 }));

  expect(queue()?.running[0]?.step).toBe(5);
});

it("tells who listens of everything that happens", () => {
  const { seen } = live([], []);

  happens("failed", told("stranger", { status: "failed", message: "No memory." }));

  expect(seen).toMatchObject([{ generation: "stranger", status: "failed", message: "No memory." }]);
});

it("knows of what runs already from the job's own events, which it leaves as soon as it does", async () => {
  const running = job("r", { status: "running", stage: "denoising", step: 2, attempts: 1 });
  const own = "/api/v1/generations/r/events";
  const { traces } = live([running], []);
  await waitFor(() => expect(streams.has(own)).toBe(true));

  const at = (second: number) => `2026-01-01T00:00:0${second}Z`;
  const denoising = { stage: "denoising" } as const;
  happens("step", told("r", { ...denoising, step: 1, at: at(1) }), own);
  happens("step", told("r", { ...denoising, step: 2, at: at(3) }), own);

  expect([...streams.keys()]).toEqual(["/api/v1/events"]);
  expect(traces()["r"]?.steps.map(({ step }) => step)).toEqual([1, 2]);
});
