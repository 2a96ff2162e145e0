import { describe, expect, it } from "vitest";
import {
  plannedSeconds,
  secondsLeft,
  secondsPerStep,
  secondsUntilStart,
  traced,
  type Told,
  type Trace,
} from "./progress";

const at = (seconds: number) => new Date(seconds * 1000).toISOString();

function told(step: number, seconds: number, more: Partial<Told> = {}): Told {
  return { attempt: 1, stage: "denoising", step, at: at(seconds), ...more };
}

const traceOf = (...events: Told[]) =>
  events.reduce<Trace | undefined>((trace, event) => traced(trace, event), undefined);

const plan = (seconds: Record<string, number> | null) => ({
  plan: { seconds } as Parameters<typeof secondsLeft>[0]["plan"],
});

describe("a job's trace", () => {
  it("knows the speed from its second step on, by the median", () => {
    expect(secondsPerStep(traceOf(told(0, 10), told(1, 12)))).toBe(2);
    expect(secondsPerStep(traceOf(told(0, 10), told(1, 12), told(2, 14), told(3, 44)))).toBe(2);
    expect(secondsPerStep(traceOf(told(0, 10)))).toBeNull();
    expect(secondsPerStep(undefined)).toBeNull();
  });

  it("begins anew with another attempt", () => {
    const again = traceOf(told(0, 10), told(1, 12), told(0, 100, { attempt: 2 }));

    expect(again?.steps).toEqual([{ step: 0, atMs: 100_000 }]);
  });

  it("remembers when its stage began, and the newest preview", () => {
    const trace = traceOf(told(1, 5), told(2, 7, { preview_step: 2 }), told(3, 9));

    expect(trace).toMatchObject({ stageSinceMs: 5_000, previewStep: 2 });
  });
});

describe("the time that is left", () => {
  const seconds = { loading: 2, encoding_prompt: 1, denoising: 40, decoding: 5, encoding_video: 1 };

  it("is the whole plan before the first stage", () => {
    const job = { stage: null, step: 0, resume_step: 0, steps: 10, ...plan(seconds) };

    expect(secondsLeft(job, undefined, 0)).toBe(49);
  });

  it("counts steps that were saved as made, until it denoises from the beginning after all", () => {
    const job = { stage: null, step: 0, resume_step: 4, steps: 10, ...plan(seconds) };

    expect(secondsLeft(job, undefined, 0)).toBeCloseTo(2 + 1 + 24 + 6);
    expect(secondsLeft({ ...job, stage: "encoding_prompt" }, undefined, 0)).toBeCloseTo(1 + 24 + 6);
    expect(secondsLeft({ ...job, stage: "denoising" }, undefined, 0)).toBeCloseTo(40 + 6);
    expect(plannedSeconds(job)).toBeCloseTo(33);
  });

  it("goes by the measured steps, not by the plan, once there are some", () => {
    const job = {
      stage: "denoising" as const,
      step: 4,
      resume_step: 0,
      steps: 10,
      ...plan(seconds),
    };
    const trace = traceOf(told(3, 100), told(4, 101));

    expect(secondsLeft(job, trace, 101_000)).toBeCloseTo(6 * 1 + 6);
    expect(secondsLeft(job, undefined, 101_000)).toBeCloseTo(6 * 4 + 6);
  });

  it("counts the steps of the segments that follow the one that is decoded, or read for", () => {
    const job = { resume_step: 0, step: 4, steps: 10, ...plan(seconds) };

    expect(secondsLeft({ ...job, stage: "decoding" }, undefined, 0)).toBeCloseTo(6 * 4 + 6);
    expect(secondsLeft({ ...job, stage: "encoding_prompt" }, undefined, 0)).toBeCloseTo(
      1 + 6 * 4 + 6,
    );
  });

  it("is not told where a later stage was never measured", () => {
    const job = { stage: "denoising" as const, step: 4, resume_step: 0, steps: 10, ...plan(null) };

    expect(secondsLeft(job, traceOf(told(3, 100), told(4, 101)), 101_000)).toBeNull();
  });

  it("is never less than nothing", () => {
    const job = {
      stage: "decoding" as const,
      step: 10,
      resume_step: 0,
      steps: 10,
      ...plan(seconds),
    };

    expect(secondsLeft(job, traceOf(told(10, 0, { stage: "decoding" })), 60_000)).toBe(1);
  });
});

describe("when the waiting ones begin", () => {
  it("each goes to the slot that is free first", () => {
    expect(secondsUntilStart([10, 4], 2, [20, 1, 1])).toEqual([4, 10, 11]);
    expect(secondsUntilStart([], 1, [5, 5])).toEqual([0, 5]);
  });

  it("is not told behind what is not known", () => {
    expect(secondsUntilStart([null], 1, [5])).toEqual([null]);
    expect(secondsUntilStart([3], 1, [null, 5])).toEqual([3, null]);
  });
});
