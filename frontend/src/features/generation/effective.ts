/** What a draft comes to: its checkpoint, and each number where it leaves one to that. */
import type { Model, Plan } from "@/shared/api";
import type { Draft } from "@/shared/draft";

export interface Effective {
  model: Model;
  width: number;
  height: number;
  numFrames: number;
  fps: number;
  steps: number;
}

/** `plan`: of this draft; it knows what its preset stands for. */
export function effective(
  draft: Draft,
  models: readonly Model[],
  plan: Plan | undefined,
): Effective | null {
  const model = models.find(({ id }) => id === draft.checkpoint) ?? models[0];
  if (!model) return null;
  const { defaults } = model;
  return {
    model,
    width: draft.width ?? defaults.width,
    height: draft.height ?? defaults.height,
    numFrames: draft.numFrames ?? defaults.num_frames,
    fps: defaults.fps,
    steps: draft.steps ?? (draft.preset ? plan?.steps : undefined) ?? defaults.steps,
  };
}

/** The size of what is given; "" where only the server knows it. */
export const shapeOf = ({ width, height }: { width: number; height: number }) =>
  width > 0 ? `${width} × ${height}` : "";
