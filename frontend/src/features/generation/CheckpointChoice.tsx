import { Check, ChevronDown } from "lucide-react";
import { useId, useState } from "react";
import type { Model } from "@/shared/api";
import { changeDraft } from "@/shared/draft";
import { bytes, classes } from "@/shared/lib/format";
import { Badge, Dialog } from "@/shared/ui";
import { UNSHAPED } from "./unshaped";
import styles from "./CheckpointChoice.module.css";

/** Which weights make the video: what each one takes, and whether it is here. */
export function CheckpointChoice({ models, chosen }: { models: readonly Model[]; chosen: Model }) {
  const [isOpen, setOpen] = useState(false);
  return (
    <div className={styles.choice}>
      <span className={styles.label} id="checkpoint-label">
        Checkpoint
      </span>
      <button
        type="button"
        className={styles.chosen}
        aria-describedby="checkpoint-label"
        aria-haspopup="dialog"
        onClick={() => setOpen(true)}
      >
        <span className={styles.names}>
          <span className={styles.id}>{chosen.id}</span>
          <span className={styles.title}>{chosen.title}</span>
        </span>
        {!chosen.available && <Badge tone="warn">{chosen.state}</Badge>}
        <ChevronDown aria-hidden="true" />
      </button>
      {isOpen && (
        <Dialog title="Checkpoint" onClose={() => setOpen(false)}>
          <p className={styles.told}>
            One that is not here can be chosen, too: the plan says what it would need.
          </p>
          <ul className={styles.list}>
            {models.map((model) => (
              <Card
                key={model.id}
                model={model}
                isChosen={model === chosen}
                onChoose={() => {
                  changeDraft({ ...UNSHAPED, checkpoint: model.id });
                  setOpen(false);
                }}
              />
            ))}
          </ul>
        </Dialog>
      )}
    </div>
  );
}

/** Its button reaches over all of it. */
function Card({
  model,
  isChosen,
  onChoose,
}: {
  model: Model;
  isChosen: boolean;
  onChoose: () => void;
}) {
  const id = useId();
  return (
    <li className={classes(styles.item, isChosen && styles.isChosen)}>
      <div className={styles.row}>
        <button
          type="button"
          className={classes(styles.id, styles.pick)}
          aria-describedby={`${id}-state ${id}-told`}
          aria-current={isChosen ? "true" : undefined}
          onClick={onChoose}
        >
          {model.id}
        </button>
        {isChosen && <Check className={styles.check} aria-hidden="true" />}
        <span id={`${id}-state`}>
          <Badge tone={model.available ? "good" : "plain"}>{model.state}</Badge>
        </span>
        {model.size_bytes !== null && (
          <span className={styles.size}>{bytes(model.size_bytes)}</span>
        )}
      </div>
      <div id={`${id}-told`}>
        <p className={styles.title}>{model.title}</p>
        <p className={styles.takes}>{takes(model).join(" · ")}</p>
      </div>
    </li>
  );
}

function takes(model: Model): string[] {
  return [
    model.needs_image ? "needs a first image" : "text",
    ...(model.takes_image && !model.needs_image ? ["first image"] : []),
    ...(model.takes_last_image ? ["last image"] : []),
    ...(model.takes_video ? ["a video to make anew"] : []),
    ...(model.takes_control ? ["control video, references"] : []),
    ...(model.animates_character ? ["needs a reference, a pose and a face video"] : []),
    `${model.defaults.width} × ${model.defaults.height}`,
    `up to ${model.max_frames} frames`,
  ];
}
