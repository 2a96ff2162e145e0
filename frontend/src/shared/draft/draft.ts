/** What is being asked for, before it is: kept by the browser, so that no reload loses it. */
import type { GenerationRequest, NewGeneration } from "@/shared/api";
import { createKeptStore } from "@/shared/lib/store";

/**
 * An uploaded picture; `thumb` is a small JPEG, base64, to show it with after a reload. `frameOf`: the
 * generation whose video it is a frame of.
 */
export interface Picture {
  id: string;
  width: number;
  height: number;
  thumb: string | null;
  frameOf?: string;
}

export interface LoraChoice {
  name: string;
  high: number;
  low: number;
}

/** Of those that are carried along, what presets stand for. */
const OF_PRESETS = ["guidance_until", "step_cache", "loras_from"] as const;

/** Fields of a request that the form has no control for: carried along, so that again is the same again. */
const CARRIED = [
  "fps",
  "video",
  "strength",
  "control_video",
  "control_mask",
  "face_video",
  "references",
  ...OF_PRESETS,
] as const satisfies readonly (keyof NewGeneration & keyof GenerationRequest)[];

export type Carried = Partial<Pick<NewGeneration, (typeof CARRIED)[number]>>;

/** null: what the checkpoint does by itself. */
export interface Draft {
  prompt: string;
  negative: string | null;
  checkpoint: string | null;
  image: Picture | null;
  lastImage: Picture | null;
  imageFit: "crop" | "pad";
  width: number | null;
  height: number | null;
  numFrames: number | null;
  steps: number | null;
  guidanceHigh: number | null;
  guidanceLow: number | null;
  flowShift: number | null;
  scheduler: string | null;
  seed: number | null;
  loras: LoraChoice[];
  preset: string | null;
  carried: Carried;
  priority: number;
  /** How many, each with another seed. */
  variants: number;
  /** Each line of the prompt is a video of its own. */
  isPromptPerLine: boolean;
}

export const EMPTY_DRAFT: Draft = {
  prompt: "",
  negative: null,
  checkpoint: null,
  image: null,
  lastImage: null,
  imageFit: "crop",
  width: null,
  height: null,
  numFrames: null,
  steps: null,
  guidanceHigh: null,
  guidanceLow: null,
  flowShift: null,
  scheduler: null,
  seed: null,
  loras: [],
  preset: null,
  carried: {},
  priority: 0,
  variants: 1,
  isPromptPerLine: false,
};

export const draftStore = createKeptStore<Draft>("wan.draft", EMPTY_DRAFT, (kept) => ({
  ...EMPTY_DRAFT,
  ...(kept as Partial<Draft>),
}));

export function changeDraft(change: Partial<Draft>): void {
  draftStore.set({ ...draftStore.get(), ...change });
}

/** What changes with another preset (null: the first one): what it stands for is left to it. */
export function leftToPreset(draft: Draft, preset: string | null): Partial<Draft> {
  return {
    preset,
    steps: null,
    guidanceHigh: null,
    guidanceLow: null,
    flowShift: null,
    scheduler: null,
    carried: Object.fromEntries(
      Object.entries(draft.carried).filter(([name]) => !OF_PRESETS.some((own) => own === name)),
    ),
  };
}

/** The draft that asks for `request` again, seed and all. */
export function draftOf(request: Partial<GenerationRequest>): Draft {
  const picture = (id: string | null | undefined): Picture | null =>
    id ? { id, width: request.width ?? 0, height: request.height ?? 0, thumb: null } : null;
  return {
    ...EMPTY_DRAFT,
    prompt: request.prompt ?? "",
    negative: request.negative_prompt ?? null,
    checkpoint: request.checkpoint ?? null,
    image: picture(request.image),
    lastImage: picture(request.last_image),
    imageFit: request.image_fit === "pad" ? "pad" : "crop",
    width: request.width ?? null,
    height: request.height ?? null,
    numFrames: request.num_frames ?? null,
    steps: request.steps ?? null,
    guidanceHigh: request.guidance_high_noise ?? null,
    guidanceLow: request.guidance_low_noise ?? null,
    flowShift: request.flow_shift ?? null,
    scheduler: request.scheduler ?? null,
    seed: request.seed ?? null,
    loras: (request.loras ?? []).map((lora) => ({
      name: lora.name,
      high: lora.strength_high_noise,
      low: lora.strength_low_noise,
    })),
    carried: Object.fromEntries(
      CARRIED.map((name) => [name, request[name]]).filter(([, value]) => isSaid(value)),
    ) as Carried,
  };
}

const isSaid = (value: unknown) =>
  value !== null && value !== undefined && !(Array.isArray(value) && value.length === 0);

/** What is sent for a draft; what it leaves to the checkpoint is left out. */
export function bodyOf(draft: Draft): NewGeneration {
  const hasPicture = draft.image !== null || draft.lastImage !== null;
  const body = {
    ...draft.carried,
    preset: draft.preset,
    prompt: draft.prompt.trim(),
    negative_prompt: draft.negative,
    checkpoint: draft.checkpoint,
    image: draft.image?.id,
    last_image: draft.lastImage?.id,
    image_fit: hasPicture ? draft.imageFit : null,
    made_from: draft.image?.frameOf,
    width: draft.width,
    height: draft.height,
    num_frames: draft.numFrames,
    steps: draft.steps,
    guidance_high_noise: draft.guidanceHigh,
    guidance_low_noise: draft.guidanceLow,
    flow_shift: draft.flowShift,
    scheduler: draft.scheduler,
    seed: draft.seed,
    priority: draft.priority || undefined,
    loras: draft.loras.length
      ? draft.loras.map((lora) => ({
          name: lora.name,
          strength_high_noise: lora.high,
          strength_low_noise: lora.low,
        }))
      : null,
  };
  return Object.fromEntries(
    Object.entries(body).filter(([, value]) => isSaid(value)),
  ) as unknown as NewGeneration;
}
