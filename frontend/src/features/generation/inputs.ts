/** What a video is made from: what that makes of it in words, and which checkpoints can take it. */
import type { Model } from "@/shared/api";
import type { Draft } from "@/shared/draft";

interface Kind {
  name: string;
  isGiven: (draft: Draft) => boolean;
  isTaken: (model: Model) => boolean;
  isNeeded: (model: Model, draft: Draft) => boolean;
}

const never = () => false;
const isLed = (model: Model) => model.takes_control || model.animates_character;
const isAnimated = (model: Model) => model.animates_character;

const KINDS: readonly Kind[] = [
  {
    name: "first image",
    isGiven: (draft) => draft.image !== null,
    isTaken: (model) => model.takes_image,
    isNeeded: (model, draft) => draft.lastImage !== null || (model.needs_image && !draft.video),
  },
  {
    name: "last image",
    isGiven: (draft) => draft.lastImage !== null,
    isTaken: (model) => model.takes_last_image,
    isNeeded: never,
  },
  {
    name: "video to make anew",
    isGiven: (draft) => draft.video !== null,
    isTaken: (model) => model.takes_video,
    isNeeded: never,
  },
  {
    name: "control video",
    isGiven: (draft) => draft.controlVideo !== null,
    isTaken: isLed,
    isNeeded: isAnimated,
  },
  {
    name: "mask",
    isGiven: (draft) => draft.controlMask !== null,
    isTaken: (model) => model.takes_control,
    isNeeded: never,
  },
  {
    name: "face video",
    isGiven: (draft) => draft.faceVideo !== null,
    isTaken: isAnimated,
    isNeeded: isAnimated,
  },
  {
    name: "reference",
    isGiven: (draft) => draft.references.length > 0,
    isTaken: isLed,
    isNeeded: isAnimated,
  },
];

/** What the video is made from, in words: what is given, and what `model` cannot do without. */
export function modeOf(draft: Draft, model: Model): string {
  if (isAnimated(model) || draft.faceVideo) return "A character, moved as two videos show";
  const needsImage = model.needs_image && !draft.video;
  const from = [
    (draft.image ?? needsImage) && "first image",
    draft.lastImage && "last image",
    draft.video && "video",
    draft.controlVideo && "control video",
    draft.controlMask && "mask",
    draft.references.length > 0 && "references",
  ].filter((name) => typeof name === "string");
  return `${listed(["Text", ...from])} to video`;
}

/** Why this checkpoint cannot make a video from what is given, and which that are here can; null where it can. */
export function inputTrouble(
  draft: Draft,
  model: Model,
  models: readonly Model[],
): { told: string; others: Model[] } | null {
  const untaken = (by: Model) => KINDS.filter((kind) => kind.isGiven(draft) && !kind.isTaken(by));
  const missing = (by: Model) =>
    KINDS.filter((kind) => kind.isNeeded(by, draft) && !kind.isGiven(draft));
  const suits = (other: Model) => untaken(other).length + missing(other).length === 0;
  if (suits(model)) return null;
  const refused = untaken(model).map(({ name }) => `no ${name}`);
  const wanted = missing(model).map(({ name }) => `a ${name}`);
  const able = models.filter(suits);
  const others = able.filter(({ available }) => available);
  const why =
    refused.length > 0
      ? `${model.id} takes ${listed(refused)}.`
      : `${model.id} needs ${listed(wanted)}: add ${wanted.length === 1 ? "it" : "them"}.`;
  const absent = able.map(({ id }) => id).join(", ");
  return {
    told: others.length > 0 || !absent ? why : `${why} None that could is here: ${absent}.`,
    others,
  };
}

const listed = (names: readonly string[]) =>
  names.length < 2 ? names.join("") : `${names.slice(0, -1).join(", ")} and ${names.at(-1) ?? ""}`;
