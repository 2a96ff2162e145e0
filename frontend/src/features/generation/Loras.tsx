import { Plus, X } from "lucide-react";
import { useLoras, type FieldProblem, type Model } from "@/shared/api";
import { changeDraft, type Draft, type LoraChoice } from "@/shared/draft";
import { Button, IconButton, Menu, NumberInput } from "@/shared/ui";
import styles from "./Settings.module.css";

/** LoRAs with a strength for each expert of the checkpoint. */
export function Loras({
  draft,
  model,
  problem,
}: {
  draft: Draft;
  model: Model;
  problem: (name: string) => FieldProblem | undefined;
}) {
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
      {draft.loras.map((lora, at) => (
        <Row
          key={lora.name}
          lora={lora}
          hasTwo={model.has_two_experts}
          problem={(field) => problem(`loras/${at}/${field}`)}
          onChange={(to) => change(lora.name, to)}
          onRemove={() =>
            changeDraft({ loras: draft.loras.filter(({ name }) => name !== lora.name) })
          }
        />
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

function Row({
  lora,
  hasTwo,
  problem,
  onChange,
  onRemove,
}: {
  lora: LoraChoice;
  /** Whether the checkpoint has two experts. */
  hasTwo: boolean;
  problem: (field: string) => FieldProblem | undefined;
  onChange: (to: Partial<LoraChoice>) => void;
  onRemove: () => void;
}) {
  const ofHigh = problem("strength_high_noise");
  const ofLow = problem("strength_low_noise");
  const ofName = problem("name") ?? problem("sha256");
  return (
    <div className={styles.lora}>
      <div className={styles.loraName}>
        {lora.name}
        {ofName && (
          <p className={styles.loraProblem} role="alert">
            {ofName.reason}
          </p>
        )}
      </div>
      <NumberInput
        label={hasTwo ? "Strength, high noise" : "Strength"}
        step={0.05}
        value={lora.high}
        problem={ofHigh ?? (hasTwo ? undefined : ofLow)}
        onValue={(high) => onChange({ high: high ?? 1, ...(!hasTwo && { low: high ?? 1 }) })}
      />
      {hasTwo && (
        <NumberInput
          label="Strength, low noise"
          step={0.05}
          value={lora.low}
          problem={ofLow}
          onValue={(low) => onChange({ low: low ?? 1 })}
        />
      )}
      <IconButton label={`Leave out ${lora.name}`} icon={<X />} onClick={onRemove} />
    </div>
  );
}
