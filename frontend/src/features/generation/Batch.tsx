import { Plus, X } from "lucide-react";
import { useState } from "react";
import type { Model } from "@/shared/api";
import {
  AXIS_NAMES,
  axesOf,
  changeDraft,
  numbersIn,
  type Axis,
  type Draft,
  type Sweep,
} from "@/shared/draft";
import { Button, IconButton, NumberInput, Select, Switch, TextInput } from "@/shared/ui";
import styles from "./Batch.module.css";

const MAX_SWEEPS = 2;
const MAX_VARIANTS = 64;

/** Several at once: prompts line by line, more seeds, or a grid over one or two parameters. */
export function Batch({
  draft,
  model,
  sweeps,
  onSweeps,
}: {
  draft: Draft;
  model: Model;
  sweeps: readonly Sweep[];
  onSweeps: (sweeps: readonly Sweep[]) => void;
}) {
  const axes = axesOf(model).filter((axis) => !sweeps.some((sweep) => sweep.axis === axis));
  const change = (index: number, to: Sweep) =>
    onSweeps(sweeps.map((sweep, at) => (at === index ? to : sweep)));
  return (
    <div className={styles.batch}>
      <div className={styles.row}>
        <NumberInput
          label="Seeds for each"
          min={1}
          max={MAX_VARIANTS}
          step={1}
          value={draft.variants}
          onValue={(variants) =>
            changeDraft({
              variants: Math.min(MAX_VARIANTS, Math.max(1, Math.round(variants ?? 1))),
            })
          }
        />
        <Switch
          label="Each line of the prompt is a video of its own"
          checked={draft.isPromptPerLine}
          onChecked={(isPromptPerLine) => changeDraft({ isPromptPerLine })}
        />
      </div>
      {sweeps.map((sweep, index) => (
        <SweepRow
          key={sweep.axis}
          sweep={sweep}
          axes={[sweep.axis, ...axes]}
          onChange={(to) => change(index, to)}
          onRemove={() => onSweeps(sweeps.filter((_, at) => at !== index))}
        />
      ))}
      {sweeps.length < MAX_SWEEPS && axes[0] && (
        <Button
          size="sm"
          look="quiet"
          className={styles.add}
          onClick={() => axes[0] && onSweeps([...sweeps, { axis: axes[0], values: [] }])}
        >
          <Plus aria-hidden="true" />
          {sweeps.length === 0 ? "Compare values of a parameter…" : "…by a second one"}
        </Button>
      )}
    </div>
  );
}

function SweepRow({
  sweep,
  axes,
  onChange,
  onRemove,
}: {
  sweep: Sweep;
  axes: readonly Axis[];
  onChange: (sweep: Sweep) => void;
  onRemove: () => void;
}) {
  const [text, setText] = useState(sweep.values.join(", "));
  return (
    <div className={styles.sweep}>
      <Select
        label="Parameter"
        value={sweep.axis}
        onChange={(event) => onChange({ ...sweep, axis: event.target.value as Axis })}
      >
        {axes.map((axis) => (
          <option key={axis} value={axis}>
            {AXIS_NAMES[axis]}
          </option>
        ))}
      </Select>
      <TextInput
        label="Values"
        value={text}
        placeholder="8, 12, 20"
        onChange={(event) => {
          setText(event.target.value);
          onChange({ ...sweep, values: numbersIn(event.target.value) });
        }}
      />
      <IconButton label="Leave it out" icon={<X />} onClick={onRemove} />
    </div>
  );
}
