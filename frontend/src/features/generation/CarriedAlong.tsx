import { History } from "lucide-react";
import { changeDraft, type Carried, type Draft } from "@/shared/draft";
import { Button, Notice } from "@/shared/ui";

const NAMES: Partial<Record<keyof Carried, string>> = {
  guidance_until: "where guidance ends",
  step_cache: "a step cache",
  loras_from: "where LoRAs begin",
  precision: "a precision",
};

/** What a restored request says beyond the form; it is sent along, and can be left out. */
export function CarriedAlong({ draft }: { draft: Draft }) {
  const named = (Object.keys(draft.carried) as (keyof Carried)[])
    .map((name) => NAMES[name])
    .filter((name) => name !== undefined);
  if (named.length === 0) return null;
  return (
    <Notice tone="accent" icon={<History />}>
      As before, and sent along: {named.join(", ")}.{" "}
      <Button size="sm" onClick={() => changeDraft({ carried: {} })}>
        Leave it out
      </Button>
    </Notice>
  );
}
