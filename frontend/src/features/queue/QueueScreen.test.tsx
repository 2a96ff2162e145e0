import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { cleanup, fireEvent, render, screen } from "@testing-library/react";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import type { Queue } from "@/shared/api";
import { HintProvider } from "@/shared/ui";
import { QueueScreen } from "./QueueScreen";

const job = (id: string) => ({
  id,
  status: "queued",
  stage: null,
  priority: 0,
  run_after: null,
  attempts: 0,
  cancel_requested_at: null,
  request: { prompt: id, checkpoint: "mini", num_frames: 17, fps: 8, steps: 12 },
  plan: { seconds: { denoising: 10 } },
});
const slot = { number: 0, is_busy: true, job_id: null, problem: null, spare_for: null };

let queue: Partial<Record<keyof Queue, unknown>>;
let answerPause: (answer: Response) => void;

beforeEach(() => {
  const empty = { data: [], next_cursor: null };
  vi.stubGlobal("fetch", ({ url }: Request) =>
    url.endsWith("/pause")
      ? new Promise((resolve) => (answerPause = resolve))
      : Promise.resolve(new Response(JSON.stringify(url.includes("/queue") ? queue : empty))),
  );
});

afterEach(() => {
  cleanup();
  vi.unstubAllGlobals();
});

function show(told: typeof queue): void {
  queue = { running: [], waiting: [], paused_since: null, problem: null, slots: [slot], ...told };
  render(
    <QueryClientProvider client={new QueryClient()}>
      <HintProvider>
        <QueueScreen />
      </HintProvider>
    </QueryClientProvider>,
  );
}

it("a key that sees its own jobs alone is told neither a place nor a start that it cannot know", async () => {
  show({ waiting: [job("mine")], length: 7 });

  await screen.findByText("mine");
  screen.getByText("1 of the 7 videos that wait");
  expect(screen.queryByText(/^starts/)).toBeNull();
  expect(screen.queryByText("1")).toBeNull();
  expect(screen.queryByRole("button", { name: "Move: mine" })).toBeNull();
});

it("is not idle while others' jobs run and wait", async () => {
  show({ length: 2 });

  await screen.findByText("Nothing of yours: of others’, 1 run and 2 wait");
  expect(screen.queryByText("Nothing runs, nothing waits")).toBeNull();
});

it("is paused once the server says so, not before", async () => {
  show({});
  fireEvent.click(await screen.findByRole("button", { name: "Pause" }));
  await screen.findByRole("button", { name: "Pausing…" });
  expect(screen.queryByText(/Paused since/)).toBeNull();

  queue = { ...queue, paused_since: "2026-01-01T00:00:00Z" };
  answerPause(new Response(null, { status: 204 }));

  await screen.findByText(/Paused since/);
  await screen.findByRole("button", { name: "Resume" });
});
