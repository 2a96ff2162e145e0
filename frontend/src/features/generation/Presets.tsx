import { usePresets, type FieldProblem, type Model, type Preset } from "@/shared/api";
import { changeDraft, leftToPreset, type Draft } from "@/shared/draft";
import { percent } from "@/shared/lib/format";
import { Field, Segments } from "@/shared/ui";
import styles from "./Settings.module.css";

/** Speed for a stated loss: which presets there are for this checkpoint, and what each gives up. */
export function Presets({
  draft,
  model,
  problem,
}: {
  draft: Draft;
  model: Model;
  problem: FieldProblem | undefined;
}) {
  const { data: presets } = usePresets();
  const fitting = presets?.filter(
    ({ checkpoints }) => checkpoints === null || checkpoints.includes(model.id),
  );
  const first = fitting?.[0];
  if (!fitting || !first) return null;
  const chosen = fitting.find(({ name }) => name === draft.preset) ?? first;
  return (
    <Field
      label="Preset"
      hint={lossOf(chosen, model)}
      problem={problem}
      onNearest={(value) => changeDraft(leftToPreset(draft, String(value)))}
    >
      {() => (
        <Segments
          label="Preset"
          value={chosen.name}
          options={fitting.map(({ name }) => ({ value: name, label: name }))}
          onValue={(name) => changeDraft(leftToPreset(draft, name === first.name ? null : name))}
        />
      )}
    </Field>
  );
}

/** In words, and as it was measured, where it was. */
function lossOf(preset: Preset, model: Model) {
  const cost = preset.measured.find(({ checkpoint }) => checkpoint === model.id);
  return (
    <span className={styles.loss}>
      What it costs: {preset.loss}.
      {cost &&
        ` Measured on ${cost.clips} clips: denoising in ${percent(cost.seconds)} of the time, ${cost.right} shown as asked (${cost.right_exactly} by the exact run).`}
    </span>
  );
}
