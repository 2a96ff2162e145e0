import { Dices, Lock, LockOpen } from "lucide-react";
import { LIMITS, type FieldProblem } from "@/shared/api";
import { changeDraft, randomSeed, type Draft } from "@/shared/draft";
import { Field, IconButton, NumberInput, Select, Slider } from "@/shared/ui";
import type { Effective } from "./effective";
import styles from "./Settings.module.css";

/** Steps, guidance, seed; and below, what few change. */
export function Sampling({
  draft,
  now,
  problem,
}: {
  draft: Draft;
  now: Effective;
  problem: (name: string) => FieldProblem | undefined;
}) {
  const { defaults, has_two_experts } = now.model;
  const byPreset = draft.preset === null ? undefined : "as the preset has it";
  return (
    <div className={styles.group}>
      <Field
        label="Steps"
        aside={<span className={styles.value}>{now.steps}</span>}
        problem={problem("steps")}
        onNearest={(value) => changeDraft({ steps: Number(value) })}
      >
        {() => (
          <Slider
            label="Steps"
            value={now.steps}
            min={LIMITS.steps.min}
            max={Math.min(LIMITS.steps.max, Math.max(2 * defaults.steps, now.steps))}
            step={1}
            shown={`${now.steps} steps`}
            onValue={(steps) => changeDraft({ steps })}
          />
        )}
      </Field>
      <div className={styles.columns}>
        <NumberInput
          label={has_two_experts ? "Guidance, high noise" : "Guidance"}
          {...LIMITS.guidance_high_noise}
          step={0.5}
          value={draft.guidanceHigh}
          placeholder={byPreset ?? defaults.guidance_high_noise}
          problem={
            problem("guidance_high_noise") ??
            (has_two_experts ? undefined : problem("guidance_low_noise"))
          }
          onValue={(guidanceHigh) =>
            changeDraft({ guidanceHigh, ...(!has_two_experts && { guidanceLow: guidanceHigh }) })
          }
        />
        {has_two_experts && (
          <NumberInput
            label="Guidance, low noise"
            {...LIMITS.guidance_low_noise}
            step={0.5}
            value={draft.guidanceLow}
            placeholder={byPreset ?? defaults.guidance_low_noise}
            problem={problem("guidance_low_noise")}
            onValue={(guidanceLow) => changeDraft({ guidanceLow })}
          />
        )}
      </div>
      <div className={styles.seed}>
        <NumberInput
          label="Seed"
          {...LIMITS.seed}
          step={1}
          value={draft.seed}
          placeholder="random"
          hint={
            draft.seed === null
              ? "Another for each video"
              : "Kept: the same request makes the same video"
          }
          problem={problem("seed")}
          onValue={(seed) => changeDraft({ seed })}
        />
        <IconButton
          look="plain"
          label={draft.seed === null ? "Lock the seed" : "Draw a seed for each video"}
          icon={draft.seed === null ? <LockOpen /> : <Lock />}
          className={styles.beside}
          onClick={() => changeDraft({ seed: draft.seed === null ? randomSeed() : null })}
        />
        <IconButton
          look="plain"
          label="Shuffle"
          icon={<Dices />}
          className={styles.beside}
          onClick={() => changeDraft({ seed: randomSeed() })}
        />
      </div>
      <details className={styles.more}>
        <summary>More settings</summary>
        <div className={styles.columns}>
          <NumberInput
            label="Flow shift"
            {...LIMITS.flow_shift}
            step={0.1}
            value={draft.flowShift}
            placeholder={byPreset ?? defaults.flow_shift}
            problem={problem("flow_shift")}
            onValue={(flowShift) => changeDraft({ flowShift })}
          />
          <Select
            label="Scheduler"
            value={draft.scheduler ?? ""}
            problem={problem("scheduler")}
            onChange={(event) => changeDraft({ scheduler: event.target.value || null })}
          >
            <option value="">the default</option>
            {LIMITS.scheduler.choices.map((name) => (
              <option key={name}>{name}</option>
            ))}
          </Select>
          <NumberInput
            label="Priority"
            {...LIMITS.priority}
            step={1}
            value={draft.priority}
            hint="Higher runs earlier"
            problem={problem("priority")}
            onValue={(priority) => changeDraft({ priority: priority ?? 0 })}
          />
        </div>
      </details>
    </div>
  );
}
