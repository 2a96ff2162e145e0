/** Settings under names of the user's own, kept by this browser. */
import { keptDraft, type Draft } from "@/shared/draft";
import { plural } from "@/shared/lib/format";
import { createKeptStore } from "@/shared/lib/store";

export const MAX_NAME = 60;

export interface OwnPreset {
  name: string;
  /** Every setting; the prompt only where it was asked to be kept as well. */
  settings: Partial<Draft>;
}

/** What of a draft is no setting: what the video shows and is made from, and how many are asked for. */
const NO_SETTINGS = [
  "image",
  "lastImage",
  "video",
  "controlVideo",
  "controlMask",
  "faceVideo",
  "references",
  "variants",
  "isPromptPerLine",
] as const satisfies readonly (keyof Draft)[];

export function settingsOf(draft: Draft, withPrompt: boolean): Partial<Draft> {
  const left: readonly string[] = withPrompt ? NO_SETTINGS : [...NO_SETTINGS, "prompt"];
  return Object.fromEntries(Object.entries(draft).filter(([name]) => !left.includes(name)));
}

/** Those that can be read, each setting that cannot be left to the checkpoint. */
export function keptPresets(kept: unknown): OwnPreset[] {
  if (!Array.isArray(kept)) return [];
  return kept.flatMap((one: unknown) => {
    const { name, settings } = (one ?? {}) as { name?: unknown; settings?: unknown };
    if (typeof name !== "string" || name.trim() === "" || name.length > MAX_NAME) return [];
    if (typeof settings !== "object" || settings === null) return [];
    return [{ name, settings: settingsOf(keptDraft(settings), "prompt" in settings) }];
  });
}

export const ownPresets = createKeptStore<readonly OwnPreset[]>("wan.presets", [], keptPresets);

/** Keep it, in the place of one that has its name. */
export function keepPreset(preset: OwnPreset): void {
  const others = ownPresets.get().filter(({ name }) => name !== preset.name);
  ownPresets.set([...others, preset].sort((a, b) => a.name.localeCompare(b.name)));
}

export function dropPreset(name: string): void {
  ownPresets.set(ownPresets.get().filter((one) => one.name !== name));
}

/** What it says, in a line. */
export function toldOf({ settings }: OwnPreset): string {
  const { checkpoint, width, height, numFrames, steps, preset, seed, loras, prompt } = settings;
  const said = [
    checkpoint,
    width && height ? `${width} × ${height}` : null,
    numFrames && `${numFrames} frames`,
    steps && `${steps} steps`,
    preset,
    seed == null ? null : `seed ${seed}`,
    loras?.length ? plural(loras.length, "LoRA") : null,
    prompt && `“${prompt}”`,
  ].filter(Boolean);
  return said.length > 0 ? said.join(" · ") : "All as the checkpoint has it";
}
