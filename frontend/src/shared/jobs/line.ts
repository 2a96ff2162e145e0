/**
 * Where a job stands in line and when it begins, as far as that is told: a key that is not an
 * administrator's sees its own jobs alone.
 */
import type { Generation, Queue } from "@/shared/api";
import { plannedSeconds, secondsLeft, secondsUntilStart, type Trace } from "./progress";

/** As many of the waiting are asked for. */
export const LINE = 200;

/** How many run, everybody's. */
export const runningIn = ({ slots }: Queue) => slots.filter((slot) => slot.is_busy).length;

/** Whether those that wait and are seen are the line itself, or its beginning: none of others' is between. */
export const isWhole = ({ waiting, length }: Queue) => waiting.length >= Math.min(length, LINE);

/** From 1; null where it does not wait, or others' jobs may wait before it. */
export function placeOf(queue: Queue, id: string): number | null {
  const index = queue.waiting.findIndex((job) => job.id === id);
  return index < 0 || !isWhole(queue) ? null : index + 1;
}

/** The slots that count: a spare one only where all that waits is for it. */
const slotsFor = ({ slots, waiting }: Queue) =>
  slots.filter(
    ({ spare_for: spareFor }) =>
      spareFor === null || waiting.every((job) => spareFor.includes(job.request.checkpoint)),
  );

/** In how many seconds each of the waiting begins; null where that is not known. */
export function startsIn(
  queue: Queue,
  traces: Readonly<Record<string, Trace>>,
  nowMs: number,
): (number | null)[] {
  const { running, waiting, paused_since: pausedSince } = queue;
  if (pausedSince !== null || !isWhole(queue)) return waiting.map(() => null);
  const others = Math.max(0, runningIn(queue) - running.length); // nobody says how long they take
  const busy = [
    ...running.map((job: Generation) => secondsLeft(job, traces[job.id], nowMs)),
    ...Array.from({ length: others }, () => null),
  ];
  return secondsUntilStart(busy, slotsFor(queue).length, waiting.map(plannedSeconds));
}
