/** What a job's events say of its speed, and of how long it still takes. */
import type { Generation, Stage } from "@/shared/api";

export const STAGES: readonly Stage[] = [
  "loading",
  "encoding_prompt",
  "denoising",
  "decoding",
  "encoding_video",
];

export const STAGE_NAMES: Record<Stage, string> = {
  loading: "Loading weights",
  encoding_prompt: "Reading the prompt",
  denoising: "Denoising",
  decoding: "Decoding frames",
  encoding_video: "Writing the file",
};

/** The end of one denoising step, by the server's clock. */
export interface StepEnd {
  step: number;
  atMs: number;
}

/** What was seen of one attempt. */
export interface Trace {
  attempt: number;
  stage: Stage | null;
  stageSinceMs: number;
  steps: readonly StepEnd[];
  previewStep: number | null;
}

export interface Told {
  attempt: number;
  stage: Stage | null;
  step: number;
  at: string;
  preview_step?: number | null;
}

const REMEMBERED_STEPS = 8;

/** The trace after one more event; another attempt begins a new one. */
export function traced(before: Trace | undefined, told: Told): Trace {
  const atMs = Date.parse(told.at);
  const isSame = before?.attempt === told.attempt;
  const stage = told.stage;
  const steps = isSame ? before.steps : [];
  const isStep = stage === "denoising" && told.step > (steps.at(-1)?.step ?? -1);
  return {
    attempt: told.attempt,
    stage,
    stageSinceMs: isSame && before.stage === stage ? before.stageSinceMs : atMs,
    steps: isStep ? [...steps, { step: told.step, atMs }].slice(-REMEMBERED_STEPS) : steps,
    previewStep: told.preview_step ?? (isSame ? before.previewStep : null),
  };
}

/** Seconds that a step takes: the median of the last ones; null before there are two. */
export function secondsPerStep(trace: Trace | undefined): number | null {
  if (!trace) return null;
  const took: number[] = [];
  trace.steps.forEach((end, index) => {
    const before = trace.steps[index - 1];
    if (before) took.push((end.atMs - before.atMs) / 1000 / (end.step - before.step));
  });
  took.sort((a, b) => a - b);
  return took[Math.floor(took.length / 2)] ?? null;
}

type Stand = Pick<Generation, "stage" | "step" | "resume_step" | "steps">;

/** Steps that need not be made any more: until it denoises, those that were saved. */
export function stepsDone({ stage, step, resume_step: saved }: Omit<Stand, "steps">): number {
  const isBefore = stage === null || STAGES.indexOf(stage) < STAGES.indexOf("denoising");
  return isBefore ? Math.max(step, saved) : step;
}

/** Seconds that the rest takes, by the plan and by the steps that were measured; null: not known. */
export function secondsLeft(
  job: Stand & Pick<Generation, "plan">,
  trace: Trace | undefined,
  nowMs: number,
): number | null {
  const planned = plannedFor(job);
  if (job.stage === null) return planned && total(planned);
  // A segment that is decoded before the next one is denoised: its steps are what takes time.
  const isBetween = job.stage === "decoding" && job.step < job.steps;
  const stage = isBetween ? "denoising" : job.stage;
  const spent = trace ? Math.max(0, (nowMs - trace.stageSinceMs) / 1000) : 0;
  const later = STAGES.slice(STAGES.indexOf(stage) + 1);
  let rest = 0;
  for (const other of later) {
    const seconds = planned?.[other];
    if (seconds === undefined && other !== "encoding_video") return null;
    rest += seconds ?? 0;
  }
  if (stage !== "denoising") {
    const seconds = planned?.[stage];
    return seconds === undefined ? null : Math.max(0, seconds - spent) + rest;
  }
  const each = secondsPerStep(trace) ?? (job.plan.seconds?.denoising ?? Number.NaN) / job.steps;
  if (!Number.isFinite(each)) return null;
  const lastEnd = trace?.steps.at(-1);
  const within = lastEnd ? Math.min(each, Math.max(0, (nowMs - lastEnd.atMs) / 1000)) : 0;
  return Math.max(0, (job.steps - job.step) * each - within) + rest;
}

/** Seconds of a run that waits, by its plan; null where nothing was measured yet. */
export function plannedSeconds(job: Stand & Pick<Generation, "plan">): number | null {
  const planned = plannedFor(job);
  return planned && total(planned);
}

/** Each stage's seconds, of the steps that are still to be made. */
function plannedFor(job: Stand & Pick<Generation, "plan">): Record<string, number> | null {
  const seconds = job.plan.seconds;
  if (seconds?.denoising === undefined) return seconds ?? null;
  const rest = 1 - stepsDone(job) / Math.max(1, job.steps);
  return { ...seconds, denoising: seconds.denoising * rest };
}

/**
 * In how many seconds each waiting job begins, in the order of the line: each goes to the slot that is
 * free first. Null from the first job whose forerunners' times are not known.
 */
export function secondsUntilStart(
  busy: readonly (number | null)[],
  slots: number,
  waiting: readonly (number | null)[],
): (number | null)[] {
  const idle = Array.from({ length: Math.max(0, slots - busy.length) }, () => 0);
  const free: (number | null)[] = [...busy, ...idle];
  return waiting.map((takes) => {
    const known = free.filter((at) => at !== null);
    if (known.length < free.length || known.length === 0) return null;
    const begins = Math.min(...known);
    free[free.indexOf(begins)] = takes === null ? null : begins + takes;
    return begins;
  });
}

function total(seconds: Record<string, number>): number {
  return Object.values(seconds).reduce((sum, value) => sum + value, 0);
}
