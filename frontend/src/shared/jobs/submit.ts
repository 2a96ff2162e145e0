/** Videos on their way into the line: each is sent until it is answered, and queued once. */
import { useQueryClient } from "@tanstack/react-query";
import {
  answered,
  api,
  keysLeft,
  ProblemError,
  type Generation,
  type NewGeneration,
} from "@/shared/api";
import { createStore, useStore } from "@/shared/lib/store";
import { QUEUE } from "./queries";

/** What is asked for, by a name of its own: sent again, it makes no second video. */
interface Ask {
  body: NewGeneration;
  key: string;
}

/** Several that are asked for at once, until all are queued. */
export interface Batch {
  /** What they were made of: the same, asked for again, goes on where this one stopped. */
  origin: string;
  queued: number;
  left: readonly Ask[];
  /** How long the server is left alone before the next try; null while it is asked. */
  waitMs: number | null;
  /** Why it stopped; null while it goes on. */
  why: Error | null;
}

/** Before each new try of what was not answered, where the server does not say how long. */
const PAUSES_MS = [1_000, 2_000, 4_000, 8_000];
/** Who has to wait longer than that decides by themselves. */
const LONGEST_WAIT_MS = 60_000;
/** Lost on the way there or back, or refused for now. */
const FOR_NOW = [0, 429, 502, 503, 504];

const batchStore = createStore<Batch | null>(null);
keysLeft.subscribe(() => batchStore.set(null));

export function useSubmit() {
  const client = useQueryClient();
  return {
    batch: useStore(batchStore),
    /**
     * Queue them in their order, or go on with those that are left of the same; one batch at a time.
     * Returns how many that were, once all are queued; null where it stopped.
     */
    submit: async (
      origin: string,
      bodies: readonly NewGeneration[],
      onQueued: (job: Generation) => void,
    ): Promise<number | null> => {
      const before = batchStore.get();
      if (before?.why === null) return null;
      const named = bodies.map((body) => ({ body, key: crypto.randomUUID() }));
      const fresh = { origin, queued: 0, left: named };
      const batch = { ...(before?.origin === origin ? before : fresh), waitMs: null, why: null };
      batchStore.set(batch);
      const queued = await queueAll(batch, onQueued);
      await client.invalidateQueries({ queryKey: QUEUE });
      return queued;
    },
    /** Do not ask for those that are left. */
    leave: () => batchStore.set(null),
  };
}

async function queueAll(batch: Batch, onQueued: (job: Generation) => void): Promise<number | null> {
  let now = batch;
  let tries = 0;
  const isGivenUp = () => batchStore.get() !== now; // its key was left
  const change = (to: Partial<Batch>) => {
    if (isGivenUp()) return;
    now = { ...now, ...to };
    batchStore.set(now);
  };
  while (!isGivenUp()) {
    const [ask, ...left] = now.left;
    if (!ask) {
      batchStore.set(null);
      return now.queued;
    }
    const header = { "Idempotency-Key": ask.key };
    try {
      onQueued(
        await answered(api.POST("/api/v1/generations", { body: ask.body, params: { header } })),
      );
      tries = 0;
      change({ queued: now.queued + 1, left, waitMs: null });
    } catch (error) {
      const waitMs = waitBefore(error, tries);
      tries += 1;
      change({ waitMs, why: waitMs === null ? whyOf(error) : null });
      if (waitMs === null) return null;
      await new Promise((resolve) => setTimeout(resolve, waitMs));
    }
  }
  return null;
}

function whyOf(error: unknown): Error {
  if (!(error instanceof Error)) return new Error(String(error));
  if (!(error instanceof ProblemError) || error.status !== 0) return error;
  return new Error(
    "The server cannot be reached. Ask for the same once more, later: nothing is queued twice.",
  );
}

/** How long to wait before the same is sent again; null where that is of no use. */
function waitBefore(error: unknown, tries: number): number | null {
  if (!(error instanceof ProblemError) || !FOR_NOW.includes(error.status)) return null;
  const waitMs = error.waitMs ?? PAUSES_MS[tries] ?? null;
  return waitMs === null || waitMs > LONGEST_WAIT_MS || tries >= PAUSES_MS.length ? null : waitMs;
}
