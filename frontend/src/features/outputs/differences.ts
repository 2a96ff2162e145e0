import type { GenerationRequest } from "@/shared/api";

const NAMES: Partial<Record<keyof GenerationRequest, string>> = {
  prompt: "Prompt",
  negative_prompt: "Negative prompt",
  checkpoint: "Checkpoint",
  width: "Width",
  height: "Height",
  num_frames: "Frames",
  steps: "Steps",
  guidance_high_noise: "Guidance, high noise",
  guidance_low_noise: "Guidance, low noise",
  flow_shift: "Flow shift",
  scheduler: "Scheduler",
  precision: "Precision",
  guidance_until: "Guidance until",
  step_cache: "Step cache",
  image_fit: "Image fit",
  seed: "Seed",
  image: "First image",
  last_image: "Last image",
  video: "Made from a video",
  strength: "Strength",
  loras: "LoRAs",
};

export interface Difference {
  name: string;
  left: string;
  right: string;
}

/** Each setting in which two requests differ, as words. */
export function differences(left: GenerationRequest, right: GenerationRequest): Difference[] {
  const keys = Object.keys(NAMES) as (keyof GenerationRequest)[];
  return keys
    .map((key) => ({ name: NAMES[key] ?? key, left: words(left[key]), right: words(right[key]) }))
    .filter((pair) => pair.left !== pair.right);
}

function words(value: GenerationRequest[keyof GenerationRequest]): string {
  if (value === null || value === undefined || value === "") return "none";
  if (!Array.isArray(value)) return String(value);
  const all = value.map((one) =>
    typeof one === "string"
      ? one
      : `${one.name} ${one.strength_high_noise} / ${one.strength_low_noise}`,
  );
  return all.join(", ") || "none";
}
