import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { act, renderHook } from "@testing-library/react";
import type { ReactNode } from "react";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { keepKey, keyStore, type NewGeneration } from "@/shared/api";
import { useSubmit } from "./submit";

const BODIES = ["one", "two", "three"].map((prompt) => ({ prompt }) as NewGeneration);

interface Sent {
  key: string | null;
  prompt: string;
}

let sent: Sent[];
/** What the server does with each request, in turn; it takes what comes after them. */
let answers: (() => Promise<Response>)[];
let queued: string[];

const taken = (prompt: string) => () =>
  Promise.resolve(new Response(JSON.stringify({ id: prompt })));
const lost = () => Promise.reject(new TypeError("Failed to fetch"));
const refused =
  (status: number, detail: string, headers: Record<string, string> = {}) =>
  () =>
    Promise.resolve(new Response(JSON.stringify({ detail }), { status, headers }));

const wrapper = ({ children }: { children: ReactNode }) => (
  <QueryClientProvider client={new QueryClient()}>{children}</QueryClientProvider>
);
const render = () => renderHook(() => useSubmit(), { wrapper }).result;
const ask = (hook: ReturnType<typeof render>, origin = "form", bodies = BODIES) =>
  hook.current.submit(origin, bodies, (job) => queued.push(job.id));
const pass = (ms: number) => act(() => vi.advanceTimersByTimeAsync(ms));
const prompts = () => sent.map(({ prompt }) => prompt);
const keysOf = (prompt: string) =>
  new Set(sent.filter((one) => one.prompt === prompt).map(({ key }) => key));

beforeEach(() => {
  vi.useFakeTimers();
  sent = [];
  answers = [];
  queued = [];
  vi.stubGlobal("fetch", async (request: Request) => {
    const { prompt } = (await request.json()) as NewGeneration;
    sent.push({ prompt, key: request.headers.get("Idempotency-Key") });
    return (answers.shift() ?? taken(prompt))();
  });
});

afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

it("sends what was not answered again under the same name, and then the rest", async () => {
  answers = [taken("one"), lost];
  const hook = render();

  const all = ask(hook);
  await pass(0);
  expect(hook.current.batch).toMatchObject({ queued: 1, waitMs: 1_000, why: null });
  await pass(1_000);

  expect(await all).toBe(3);
  expect(queued).toEqual(["one", "two", "three"]);
  expect(prompts()).toEqual(["one", "two", "two", "three"]);
  expect(keysOf("two").size).toBe(1);
  expect(new Set(sent.map(({ key }) => key)).size).toBe(3);
  expect(hook.current.batch).toBeNull();
});

it.each([429, 503])("waits as long as the server says with %d", async (status) => {
  answers = [refused(status, "Too much at once.", { "Retry-After": "7" })];
  const hook = render();

  const all = ask(hook);
  await pass(6_900);
  expect(prompts()).toEqual(["one"]);
  await pass(200);

  expect(await all).toBe(3);
  expect(prompts()).toEqual(["one", "one", "two", "three"]);
  expect(keysOf("one").size).toBe(1);
});

it("says where it stopped, and the same asked for again goes on there", async () => {
  answers = [taken("one"), lost, lost, lost, lost, lost];
  const hook = render();

  const all = ask(hook);
  await pass(60_000);
  expect(await all).toBeNull();
  expect(hook.current.batch).toMatchObject({ queued: 1, left: [{}, {}] });
  expect(hook.current.batch?.why?.message).toMatch("cannot be reached");
  const again = ask(hook);
  await pass(0);

  expect(await again).toBe(3);
  expect(queued).toEqual(["one", "two", "three"]);
  expect(keysOf("two").size).toBe(1);
});

it("does not send again what the server refuses for good", async () => {
  answers = [taken("one"), refused(422, "That cannot be done.")];
  const hook = render();

  const all = ask(hook);
  await pass(60_000);

  expect(await all).toBeNull();
  expect(prompts()).toEqual(["one", "two"]);
  expect(hook.current.batch?.why?.message).toBe("That cannot be done.");
  const other = ask(hook, "another form", BODIES.slice(0, 1));
  await pass(0);
  expect(await other).toBe(1);
  expect(keysOf("one").size).toBe(2);
});

it("does not go on with another key", async () => {
  keepKey("mine");
  answers = [taken("one"), lost];
  const hook = render();

  const all = ask(hook);
  await pass(0);
  act(() => keyStore.set(null));
  await pass(60_000);

  expect(await all).toBeNull();
  expect(prompts()).toEqual(["one", "two"]);
});
