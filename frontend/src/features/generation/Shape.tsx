import type { FieldProblem } from "@/shared/api";
import { changeDraft, type Draft } from "@/shared/draft";
import { duration } from "@/shared/lib/format";
import { Field, NumberInput, Segments, Slider } from "@/shared/ui";
import type { Effective } from "./effective";
import styles from "./Settings.module.css";

/** Size and length: in the checkpoint's own sizes or any, in frames and seconds together. */
export function Shape({
  draft,
  now,
  problem,
}: {
  draft: Draft;
  now: Effective;
  problem: (name: string) => FieldProblem | undefined;
}) {
  const { model } = now;
  const size = `${now.width}x${now.height}`;
  const natives = model.native_sizes.map(({ width, height }) => ({
    value: `${width}x${height}`,
    label: `${width} × ${height}`,
  }));
  const isNative = natives.some(({ value }) => value === size);
  const length = `${now.numFrames} frames · ${duration(now.numFrames / now.fps)}`;
  return (
    <div className={styles.group}>
      {natives.length > 1 && (
        <div className={styles.named}>
          <span className={styles.name}>Size</span>
          <Segments
            label="Size"
            value={isNative ? size : ""}
            options={natives}
            onValue={(chosen) => {
              const [width, height] = chosen.split("x").map(Number);
              changeDraft({ width: width ?? null, height: height ?? null });
            }}
          />
        </div>
      )}
      <div className={styles.columns}>
        <NumberInput
          label="Width"
          aside={<span className={styles.unit}>px</span>}
          min={model.side_multiple}
          step={model.side_multiple}
          value={draft.width}
          placeholder={model.defaults.width}
          problem={problem("width")}
          onValue={(width) => changeDraft({ width })}
        />
        <NumberInput
          label="Height"
          aside={<span className={styles.unit}>px</span>}
          min={model.side_multiple}
          step={model.side_multiple}
          value={draft.height}
          placeholder={model.defaults.height}
          problem={problem("height")}
          onValue={(height) => changeDraft({ height })}
        />
      </div>
      <Field
        label="Length"
        aside={<span className={styles.value}>{length}</span>}
        problem={problem("num_frames")}
        onNearest={(value) => changeDraft({ numFrames: Number(value) })}
      >
        {() => (
          <Slider
            label="Length"
            value={now.numFrames}
            min={1 + model.frame_stride}
            max={model.max_frames}
            step={model.frame_stride}
            shown={length}
            onValue={(numFrames) => changeDraft({ numFrames })}
          />
        )}
      </Field>
    </div>
  );
}
