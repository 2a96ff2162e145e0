/** What was seen of each running job: what its speed, its times and its preview are known by. */
import { follow, keysLeft, type Generation, type Snapshot } from "@/shared/api";
import { createStore, useStore } from "@/shared/lib/store";
import { STAGES, traced, type Trace } from "./progress";

const RECALL_MS = 5_000;

const traces = createStore<Readonly<Record<string, Trace>>>({});
/** Those whose trace is whole: seen from their beginning, or recalled. */
const whole = new Set<string>();
keysLeft.subscribe(() => {
  traces.set({});
  whole.clear();
});

export const useTraces = () => useStore(traces);

export function useTrace(id: string): Trace | undefined {
  return useStore(traces)[id];
}

/** One more event of a job; nothing is kept of one that does not run. */
export function trace(told: Snapshot): void {
  const { [told.generation]: before, ...others } = traces.get();
  const runs = told.status === "running" || told.status === "publishing";
  if (told.stage === null) whole.add(told.generation);
  if (runs) traces.set({ ...others, [told.generation]: traced(before, told) });
  else if (before) traces.set(others);
}

/** What happened of each running job before the page looked: read from its own events, one by one. */
export async function recall(jobs: readonly Generation[]): Promise<void> {
  for (const job of jobs) {
    if (whole.has(job.id)) continue;
    whole.add(job.id);
    if (job.stage !== null) await recallOne(job);
  }
}

function recallOne(job: Generation): Promise<void> {
  return new Promise((resolve) => {
    let past: Trace | undefined;
    const end = () => {
      clearTimeout(timer);
      stop();
      resolve();
    };
    const timer = setTimeout(end, RECALL_MS);
    const stop = follow(`/api/v1/generations/${job.id}/events`, {
      onEvent(event) {
        const told = JSON.parse(event.data) as Snapshot;
        past = traced(past, told);
        if (!hasReached(told, job)) return;
        traces.set({ ...traces.get(), [job.id]: past });
        end();
      },
    });
  });
}

const hasReached = (told: Snapshot, job: Generation) =>
  told.attempt >= job.attempts &&
  told.step >= job.step &&
  STAGES.indexOf(told.stage ?? "loading") >= STAGES.indexOf(job.stage ?? "loading");
