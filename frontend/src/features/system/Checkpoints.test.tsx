import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { cleanup, fireEvent, render, screen, waitFor } from "@testing-library/react";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { HintProvider } from "@/shared/ui";
import { Checkpoints } from "./Checkpoints";

const model = {
  id: "ti2v-5B",
  title: "Wan2.2",
  state: "not here",
  size_bytes: null,
  source: null,
  problem: null,
  origin: null,
  work: null,
  unfinished: null,
};
const GIB = 2 ** 30;

let asked: string[];
let models: object[];
let offer: () => Response;

beforeEach(() => {
  asked = [];
  models = [model];
  offer = () =>
    new Response(
      JSON.stringify({
        repository: "Wan-AI/x",
        revision: "c0ffee",
        size_bytes: 32 * GIB,
        files: 9,
      }),
    );
  vi.stubGlobal("fetch", ({ method, url }: Request) => {
    const { pathname } = new URL(url);
    asked.push(`${method} ${pathname}`);
    if (pathname.endsWith("/offer")) return Promise.resolve(offer());
    const told = pathname.endsWith("/models")
      ? { data: models }
      : { free_disk_bytes: 64 * GIB, checkpoint_id: model.id };
    return Promise.resolve(new Response(JSON.stringify(told)));
  });
  render(
    <QueryClientProvider client={new QueryClient()}>
      <HintProvider>
        <Checkpoints />
      </HintProvider>
    </QueryClientProvider>,
  );
});

afterEach(() => {
  cleanup();
  vi.unstubAllGlobals();
});

const PULL = "POST /api/v1/models/ti2v-5B/pull";

it("says how large it is and how much is free before anything is fetched", async () => {
  fireEvent.click(await screen.findByRole("button", { name: "Fetch" }));
  await screen.findByText(/9 files, 32.0 GiB in all, from Wan-AI\/x.*64.0 GiB are free/);
  expect(asked).not.toContain(PULL);

  fireEvent.click(screen.getByRole("button", { name: "Fetch 32.0 GiB" }));

  await waitFor(() => expect(asked).toContain(PULL));
  expect(screen.queryByText("Fetch ti2v-5B?")).toBeNull();
});

it("where the hub says nothing there is nothing to fetch, and the reason is told", async () => {
  const detail = "The model hub cannot be reached.";
  offer = () => new Response(JSON.stringify({ detail }), { status: 502 });

  fireEvent.click(await screen.findByRole("button", { name: "Fetch" }));

  await screen.findByText(detail);
  expect(screen.getByRole("button", { name: "Fetch it" }).hasAttribute("disabled")).toBe(true);
});

it("what is being fetched can be stopped, and then says what is here of it", async () => {
  const part = { done_bytes: 8 * GIB, total_bytes: 32 * GIB };
  const work = {
    kind: "pull",
    status: "running",
    progress: { name: "vae", ...part },
    bytes_per_s: 16 * 2 ** 20,
    faults: [],
  };
  models = [{ ...model, state: "unfinished", unfinished: part, work }];
  window.dispatchEvent(new Event("visibilitychange")); // the page asks anew

  await screen.findByText(/25 %, 16.0 MiB a second, about 25 min 36 s left/);
  fireEvent.click(screen.getByRole("button", { name: "Stop" }));
  models = [
    { ...model, state: "unfinished", unfinished: part, work: { ...work, status: "stopped" } },
  ];

  await screen.findByText("8.0 GiB of 32.0 GiB are here");
  expect(asked).toContain("POST /api/v1/models/ti2v-5B/stop");
  screen.getByRole("button", { name: "Go on fetching" });
});
