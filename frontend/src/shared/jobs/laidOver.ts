/** What an event changes in what the server said before it. */
import type { Generation, Queue, Snapshot } from "@/shared/api";

/** The job after the event; as it is where the event is of an attempt before. */
export function after(job: Generation, told: Snapshot): Generation {
  if (job.attempts > told.attempt) return job;
  const { status, stage, step, progress, attempt } = told;
  return { ...job, status, stage, step, progress, attempts: attempt };
}

/**
 * The queue after the event: who begins leaves the line, who has ended is gone. Where a job goes that
 * waits again, only the server knows.
 */
export function laidOver(queue: Queue, told: Snapshot): Queue {
  const isHis = (job: Generation) => job.id === told.generation;
  const job = queue.running.find(isHis) ?? queue.waiting.find(isHis);
  if (!job || job.attempts > told.attempt || told.status === "queued") return queue;
  const waiting = queue.waiting.filter((other) => !isHis(other));
  const left = queue.waiting.length - waiting.length;
  const runs = told.status === "running" || told.status === "publishing";
  const isKnown = queue.running.some(isHis);
  const running = !runs
    ? queue.running.filter((other) => !isHis(other))
    : isKnown
      ? queue.running.map((other) => (isHis(other) ? after(other, told) : other))
      : [...queue.running, after(job, told)];
  return { ...queue, running, waiting, length: queue.length - left };
}
