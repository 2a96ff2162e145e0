import { act, cleanup, fireEvent, render, screen, waitFor } from "@testing-library/react";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { keepKey, keyStore } from "@/shared/api";
import { changeDraft, draftStore, EMPTY_DRAFT } from "@/shared/draft";
import { App } from "./App";
import { queryClient } from "./queryClient";

const follow = vi.hoisted(() => vi.fn(() => () => undefined));
vi.mock("@/shared/api/stream", () => ({ follow }));

const REFUSED = "This API key is not known, or was revoked.";

let asked: string[];
let known: string | null;

beforeEach(() => {
  asked = [];
  known = "mine";
  vi.stubGlobal("fetch", ({ url, headers }: Request) => {
    asked.push(url);
    const isKnown = headers.get("Authorization") === `Bearer ${known ?? ""}`;
    const answer = isKnown ? { data: [], running: [], waiting: [] } : { detail: REFUSED };
    return Promise.resolve(new Response(JSON.stringify(answer), { status: isKnown ? 200 : 401 }));
  });
});

afterEach(() => {
  cleanup();
  queryClient.clear();
  keyStore.set(null);
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

const kept = () => JSON.stringify(Object.entries(localStorage));

it("who forgets the key leaves nothing of what was seen with it", async () => {
  keepKey("mine");
  render(<App />);
  await waitFor(() => expect(queryClient.getQueryData(["queue"])).toBeDefined());
  act(() => changeDraft({ prompt: "a secret fox" }));
  localStorage.setItem("wan.latest", JSON.stringify("a"));
  queryClient.setQueryData(["outputs", "list", "fox"], "theirs");
  history.replaceState(null, "", "/queue?q=fox");
  known = null;
  expect(kept()).toMatch("a secret fox");

  fireEvent.keyDown(screen.getByRole("button", { name: "Preferences" }), { key: "Enter" });
  fireEvent.click(await screen.findByText("API key…"));
  fireEvent.click(await screen.findByText("Forget the key"));

  expect(queryClient.getQueryData(["outputs", "list", "fox"])).toBeUndefined();
  expect(queryClient.getQueryData(["queue"])).toBeUndefined();
  expect(draftStore.get()).toEqual(EMPTY_DRAFT);
  expect(location.pathname + location.search).toBe("/");
  expect(kept()).not.toMatch(/secret|mine|"a"/);
});

it("what was seen with another key is gone, in every tab; what is being typed is not", async () => {
  keepKey("mine");
  queryClient.setQueryData(["outputs", "list", "fox"], "theirs");
  changeDraft({ prompt: "a fox" });

  const newValue = JSON.stringify("another");
  dispatchEvent(new StorageEvent("storage", { key: "wan.key", newValue }));

  await waitFor(() => expect(queryClient.getQueryCache().getAll()).toEqual([]));
  expect(draftStore.get().prompt).toBe("a fox");
});

it("while a key is wanted it says why, and asks for nothing", async () => {
  keepKey("revoked");
  vi.useFakeTimers();
  render(<App />);

  await act(() => vi.advanceTimersByTimeAsync(100));
  expect(screen.getAllByText(REFUSED).length).toBeGreaterThan(0);
  fireEvent.click(screen.getByRole("button", { name: "Close" }));
  expect(screen.queryByLabelText("Key")).toBeNull();
  const before = asked.length;
  await act(() => vi.advanceTimersByTimeAsync(120_000));
  expect(asked.length).toBe(before);

  fireEvent.click(screen.getByRole("button", { name: "Give a key…" }));
  fireEvent.change(screen.getByLabelText("Key"), { target: { value: "mine" } });
  fireEvent.click(screen.getByRole("button", { name: "Use this key" }));
  await act(() => vi.advanceTimersByTimeAsync(100));

  expect(screen.queryByText(REFUSED)).toBeNull();
  expect(asked.length).toBeGreaterThan(before);
});
