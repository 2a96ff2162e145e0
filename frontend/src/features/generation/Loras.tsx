import { Plus, X } from "lucide-react";
import { useLoras } from "@/shared/api";
import { changeDraft, type Draft, type LoraChoice } from "@/shared/draft";
import { Button, IconButton, Menu, NumberInput } from "@/shared/ui";
import styles from "./Settings.module.css";

/** LoRAs with a strength for each expert. */
export function Loras({ draft }: { draft: Draft }) {
  const { data: loras } = useLoras();
  const change = (name: string, to: Partial<LoraChoice>) =>
    changeDraft({
      loras: draft.loras.map((lora) => (lora.name === name ? { ...lora, ...to } : lora)),
    });
  const free = (loras ?? []).filter(
    ({ name, available }) => available && !draft.loras.some((lora) => lora.name === name),
  );
  if (loras?.length === 0 && draft.loras.length === 0) return null;
  return (
    <div className={styles.group}>
      {draft.loras.map((lora) => (
        <div key={lora.name} className={styles.lora}>
          <span className={styles.loraName}>{lora.name}</span>
          <NumberInput
            label="High noise"
            step={0.05}
            value={lora.high}
            onValue={(high) => change(lora.name, { high: high ?? 1 })}
          />
          <NumberInput
            label="Low noise"
            step={0.05}
            value={lora.low}
            onValue={(low) => change(lora.name, { low: low ?? 1 })}
          />
          <IconButton
            label={`Leave out ${lora.name}`}
            icon={<X />}
            onClick={() =>
              changeDraft({ loras: draft.loras.filter(({ name }) => name !== lora.name) })
            }
          />
        </div>
      ))}
      {free.length > 0 && (
        <div>
          <Menu
            trigger={
              <Button size="sm">
                <Plus aria-hidden="true" /> Add a LoRA
              </Button>
            }
            items={free.map(({ name }) => ({
              label: name,
              onSelect: () => changeDraft({ loras: [...draft.loras, { name, high: 1, low: 1 }] }),
            }))}
          />
        </div>
      )}
    </div>
  );
}
