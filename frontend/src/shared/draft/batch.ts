/** Several videos out of one draft: prompts line by line, seeds, and one or two parameters in turn. */
import { bodyOf, type Draft } from "./draft";
import { LIMITS } from "@/shared/api/limits";
import type { Model, NewGeneration } from "@/shared/api";

export type Axis = "steps" | "guidance" | "guidanceHigh" | "guidanceLow" | "flowShift" | "seed";

export interface Sweep {
  axis: Axis;
  values: readonly number[];
}

export const AXIS_NAMES: Record<Axis, string> = {
  steps: "Steps",
  guidance: "Guidance",
  guidanceHigh: "Guidance, high noise",
  guidanceLow: "Guidance, low noise",
  flowShift: "Flow shift",
  seed: "Seed",
};

const OF_TWO_EXPERTS: readonly Axis[] = ["guidanceHigh", "guidanceLow"];

/** The parameters of a checkpoint: two experts have a guidance each, one network has one. */
export function axesOf(model: Model): Axis[] {
  const others = model.has_two_experts ? ["guidance"] : OF_TWO_EXPERTS;
  return (Object.keys(AXIS_NAMES) as Axis[]).filter((axis) => !others.includes(axis));
}

/** The numbers in `text`, however they are set apart; what is no number is left out. */
export function numbersIn(text: string): number[] {
  return text
    .split(/[\s,;]+/)
    .filter((part) => part !== "")
    .map(Number)
    .filter((value) => Number.isFinite(value));
}

export function promptsOf(draft: Draft): string[] {
  const prompt = draft.prompt.trim();
  if (!draft.isPromptPerLine) return prompt ? [prompt] : [];
  return prompt
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "");
}

/** Every video that `draft` asks for, prompts outermost, in the order in which they are queued. */
export function expand(
  draft: Draft,
  sweeps: readonly Sweep[],
  randomSeed: () => number,
): NewGeneration[] {
  let drafts: Draft[] = promptsOf(draft).map((prompt) => ({ ...draft, prompt }));
  for (const { axis, values } of sweeps) {
    if (values.length === 0) continue;
    const fields = axis === "guidance" ? OF_TWO_EXPERTS : [axis];
    drafts = drafts.flatMap((one) =>
      values.map((value) => ({
        ...one,
        ...Object.fromEntries(fields.map((field) => [field, value])),
      })),
    );
  }
  const isSeedSwept = sweeps.some(({ axis, values }) => axis === "seed" && values.length > 0);
  if (draft.variants > 1 && !isSeedSwept) {
    const first = draft.seed ?? randomSeed();
    const seeds = Array.from(
      { length: draft.variants },
      (_, n) => (first + n) % (LIMITS.seed.max + 1),
    );
    drafts = drafts.flatMap((one) => seeds.map((seed) => ({ ...one, seed })));
  }
  return drafts.map(bodyOf);
}

export function randomSeed(): number {
  return crypto.getRandomValues(new Uint32Array(1))[0] ?? 0;
}
