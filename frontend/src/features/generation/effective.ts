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

/** What the video is made from, in words. */
export function modeOf(draft: Draft): string {
  if (draft.image && draft.lastImage) return "Text, first and last image to video";
  if (draft.image) return "Text and first image to video";
  return "Text to video";
}

/** Why this checkpoint cannot take the draft's pictures, and which could; null where it can. */
export function pictureTrouble(
  draft: Draft,
  model: Model,
  models: readonly Model[],
): { told: string; others: Model[] } | null {
  const suits = (other: Model) =>
    (!draft.image || other.takes_image) &&
    (!draft.lastImage || other.takes_last_image) &&
    (draft.image !== null || !other.needs_image);
  if (suits(model)) return null;
  const told = !draft.image
    ? draft.lastImage
      ? "A last image needs a first one beside it."
      : `${model.id} begins each video with an image: add one.`
    : model.takes_image
      ? `${model.id} takes a first image, but no last one.`
      : `${model.id} makes videos from text alone.`;
  const others = draft.lastImage && !draft.image ? [] : models.filter(suits);
  return { told, others: others.sort((a, b) => Number(b.available) - Number(a.available)) };
}
