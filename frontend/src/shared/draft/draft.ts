/** What is being asked for, before it is; how it comes from a request, and becomes one. */
import type { GenerationRequest, NewGeneration } from "@/shared/api";

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

/** An uploaded video; `thumb` is one of its frames, small, where this browser could show it. */
export interface Clip {
  id: string;
  width: number;
  height: number;
  seconds: number;
  thumb: string | null;
}

export interface LoraChoice {
  name: string;
  high: number;
  low: number;
}

/** Of those that are carried along, what presets stand for. */
const OF_PRESETS = ["guidance_until", "step_cache", "loras_from", "precision"] as const;

/** Fields of a request that the form has no control for: carried along, so that again is the same again. */
const CARRIED = ["fps", ...OF_PRESETS] as const satisfies readonly (keyof NewGeneration &
  keyof GenerationRequest)[];

export type Carried = Partial<Pick<NewGeneration, (typeof CARRIED)[number]>>;

/** null: what the checkpoint does by itself. */
export interface Draft {
  prompt: string;
  negative: string | null;
  checkpoint: string | null;
  image: Picture | null;
  lastImage: Picture | null;
  imageFit: "crop" | "pad";
  /** To be made anew, and how much of it is. */
  video: Clip | null;
  strength: number;
  controlVideo: Clip | null;
  controlMask: Clip | null;
  faceVideo: Clip | null;
  references: Picture[];
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
  video: null,
  strength: 0.8,
  controlVideo: null,
  controlMask: null,
  faceVideo: null,
  references: [],
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
  const unseen = { width: request.width ?? 0, height: request.height ?? 0, thumb: null };
  const picture = (id: string | null | undefined): Picture | null =>
    id ? { id, ...unseen } : null;
  const clip = (id: string | null | undefined): Clip | null =>
    id ? { id, seconds: 0, ...unseen } : null;
  return {
    ...EMPTY_DRAFT,
    prompt: request.prompt ?? "",
    negative: request.negative_prompt ?? null,
    checkpoint: request.checkpoint ?? null,
    image: picture(request.image),
    lastImage: picture(request.last_image),
    imageFit: request.image_fit === "pad" ? "pad" : "crop",
    video: clip(request.video),
    strength: request.strength ?? EMPTY_DRAFT.strength,
    controlVideo: clip(request.control_video),
    controlMask: clip(request.control_mask),
    faceVideo: clip(request.face_video),
    references: (request.references ?? []).map((id) => ({ id, ...unseen })),
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

/** What is given and cut or padded to the video's shape; references are fitted in a way of their own. */
export function fitted(draft: Draft): (Picture | Clip)[] {
  const { image, lastImage, video, controlVideo, controlMask, faceVideo } = draft;
  return [image, lastImage, video, controlVideo, controlMask, faceVideo].filter(
    (given) => given !== null,
  );
}

/** What is sent for a draft's LoRAs. */
export const lorasOf = (draft: Draft) =>
  draft.loras.map(({ name, high, low }) => ({
    name,
    strength_high_noise: high,
    strength_low_noise: low,
  }));

/** What is sent for a draft; what it leaves to the checkpoint is left out. */
export function bodyOf(draft: Draft): NewGeneration {
  const body = {
    ...draft.carried,
    preset: draft.preset,
    prompt: draft.prompt.trim(),
    negative_prompt: draft.negative,
    checkpoint: draft.checkpoint,
    image: draft.image?.id,
    last_image: draft.lastImage?.id,
    image_fit: fitted(draft).length > 0 ? draft.imageFit : null,
    made_from: draft.image?.frameOf,
    video: draft.video?.id,
    strength: draft.video ? draft.strength : null,
    control_video: draft.controlVideo?.id,
    control_mask: draft.controlMask?.id,
    face_video: draft.faceVideo?.id,
    references: draft.references.map(({ id }) => id),
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
    loras: lorasOf(draft),
  };
  return Object.fromEntries(
    Object.entries(body).filter(([, value]) => isSaid(value)),
  ) as unknown as NewGeneration;
}
