/** The draft as the browser keeps it, so that no reload loses it; what it kept is not believed unseen. */
import { keysLeft, keyStore } from "@/shared/api/key";
import { LIMITS } from "@/shared/api/limits";
import { createKeptStore } from "@/shared/lib/store";
import { EMPTY_DRAFT, type Draft } from "./draft";

type Check = (value: unknown) => boolean;

const isText: Check = (value) => typeof value === "string";
const isNumber: Check = (value) => Number.isFinite(value);
const isCount: Check = (value) => Number.isInteger(value) && (value as number) >= 0;
const isTrueOrFalse: Check = (value) => typeof value === "boolean";
const isObject: Check = (value) =>
  typeof value === "object" && value !== null && !Array.isArray(value);
const orNull =
  (check: Check): Check =>
  (value) =>
    value === null || check(value);
const oneOf =
  (choices: readonly string[]): Check =>
  (value) =>
    choices.includes(value as string);
const listOf =
  (check: Check): Check =>
  (value) =>
    Array.isArray(value) && value.every(check);
const shaped =
  (fields: Record<string, Check>): Check =>
  (value) =>
    isObject(value) &&
    Object.entries(fields).every(([name, check]) =>
      check((value as Record<string, unknown>)[name]),
    );

const FILE = { id: isText, width: isCount, height: isCount, thumb: orNull(isText) };
const isPicture = shaped({ ...FILE, frameOf: (value) => value === undefined || isText(value) });
const isClip = orNull(shaped({ ...FILE, seconds: isNumber }));

const CHECKS: { [Name in keyof Draft]: Check } = {
  prompt: isText,
  negative: orNull(isText),
  checkpoint: orNull(oneOf(LIMITS.checkpoint.choices)),
  image: orNull(isPicture),
  lastImage: orNull(isPicture),
  imageFit: oneOf(LIMITS.image_fit.choices),
  video: isClip,
  strength: isNumber,
  controlVideo: isClip,
  controlMask: isClip,
  faceVideo: isClip,
  references: listOf(isPicture),
  width: orNull(isNumber),
  height: orNull(isNumber),
  numFrames: orNull(isNumber),
  steps: orNull(isNumber),
  guidanceHigh: orNull(isNumber),
  guidanceLow: orNull(isNumber),
  flowShift: orNull(isNumber),
  scheduler: orNull(oneOf(LIMITS.scheduler.choices)),
  seed: orNull(isNumber),
  loras: listOf(shaped({ name: isText, high: isNumber, low: isNumber })),
  preset: orNull(oneOf(LIMITS.preset.choices)),
  carried: isObject,
  priority: isNumber,
  variants: isCount,
  isPromptPerLine: isTrueOrFalse,
};

/** Each field as it was kept where it can be one, else as it is in an empty draft. */
export function keptDraft(kept: unknown): Draft {
  const said = isObject(kept) ? (kept as Record<string, unknown>) : {};
  const names = Object.keys(CHECKS) as (keyof Draft)[];
  return Object.fromEntries(
    names.map((name) => [name, CHECKS[name](said[name]) ? said[name] : EMPTY_DRAFT[name]]),
  ) as unknown as Draft;
}

export const draftStore = createKeptStore("wan.draft", EMPTY_DRAFT, keptDraft);

// Another key of the same person may go on with it; who forgets the key leaves nothing behind.
keysLeft.subscribe(() => {
  if (keyStore.get() === null) draftStore.set(EMPTY_DRAFT);
});

export function changeDraft(change: Partial<Draft>): void {
  draftStore.set({ ...draftStore.get(), ...change });
}
