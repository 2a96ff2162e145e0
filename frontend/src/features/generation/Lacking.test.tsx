import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { cleanup, fireEvent, render, screen, waitFor } from "@testing-library/react";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import type { Model } from "@/shared/api";
import { HintProvider } from "@/shared/ui";
import { Lacking, lackOf } from "./Lacking";

const absent = {
  id: "vace-14B",
  available: false,
  state: "not here",
  problem: "The weights are not here: `wan models pull vace-14B`, or in …/models.",
  work: null,
  unfinished: null,
} as unknown as Model;
const work = { kind: "pull", status: "running", progress: { done_bytes: 1, total_bytes: 4 } };

let asked: string[];

beforeEach(() => {
  asked = [];
  vi.stubGlobal("fetch", ({ method, url }: Request) => {
    asked.push(`${method} ${new URL(url).pathname}`);
    const told = { repository: "Wan-AI/x", revision: "c0ffee", size_bytes: 2 ** 30, files: 9 };
    return Promise.resolve(new Response(JSON.stringify(told)));
  });
});

afterEach(() => {
  cleanup();
  vi.unstubAllGlobals();
});

const show = (model: Model) =>
  render(
    <QueryClientProvider client={new QueryClient()}>
      <HintProvider>
        <Lacking model={model} />
      </HintProvider>
    </QueryClientProvider>,
  );

it("what is not here can be fetched where that is said", async () => {
  const { container } = show(absent);
  expect(container.textContent).not.toMatch(/`|…/);
  screen.getByText("wan models pull vace-14B", { selector: "code" });

  fireEvent.click(screen.getByRole("button", { name: "Fetch" }));
  fireEvent.click(await screen.findByRole("button", { name: "Fetch 1.0 GiB" }));

  await waitFor(() => expect(asked).toContain("POST /api/v1/models/vace-14B/pull"));
});

it("what is being fetched says how far that is, and is fetched no second time", () => {
  const { container } = show({ ...absent, work } as unknown as Model);

  expect(container.textContent).toContain("vace-14B is being fetched: 25 %.");
  expect(screen.queryByRole("button")).toBeNull();
});

it("what is broken says why, with commands as such", () => {
  show({ ...absent, state: "broken", problem: "It is damaged: `wan models verify` says how." });

  screen.getByText("wan models verify", { selector: "code" });
  expect(screen.queryByRole("button")).toBeNull();
});

it("what can be used lacks nothing", () => {
  const { container } = show({ ...absent, available: true });

  expect(container.textContent).toBe("");
  expect(lackOf({ ...absent, available: true })).toBeNull();
  expect(lackOf(absent)).toBe("The weights of vace-14B are not here.");
});
