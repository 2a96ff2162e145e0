import type { Preset } from "@/shared/api";

export interface MissingLora {
  /** Files that would do. */
  example: string;
  source: string;
  presets: string[];
  checkpoints: string[];
}

/** LoRAs that presets need and that are not here, each once. */
export function missingLoras(presets: readonly Preset[]): MissingLora[] {
  const missing = new Map<string, MissingLora>();
  for (const { name, needs } of presets) {
    for (const { lora, example, source, checkpoint } of needs) {
      if (lora !== null) continue;
      const known = missing.get(example) ?? { example, source, presets: [], checkpoints: [] };
      if (!known.presets.includes(name)) known.presets.push(name);
      if (!known.checkpoints.includes(checkpoint)) known.checkpoints.push(checkpoint);
      missing.set(example, known);
    }
  }
  return [...missing.values()];
}
