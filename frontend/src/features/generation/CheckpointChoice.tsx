import { Check, ChevronDown } from "lucide-react";
import { useState } from "react";
import { Link } from "wouter";
import type { Model } from "@/shared/api";
import { changeDraft } from "@/shared/draft";
import { bytes, classes } from "@/shared/lib/format";
import { Badge, Button, Dialog } from "@/shared/ui";
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
          <span id="checkpoint-id" className={styles.id}>
            {chosen.id}
          </span>
          <span className={styles.title}>{chosen.title}</span>
        </span>
        {!chosen.available && <Badge tone="warn">{chosen.state}</Badge>}
        <ChevronDown aria-hidden="true" />
      </button>
      {isOpen && (
        <Dialog title="Checkpoint" onClose={() => setOpen(false)}>
          <ul className={styles.list}>
            {models.map((model) => (
              <li
                key={model.id}
                className={classes(styles.item, model === chosen && styles.isChosen)}
              >
                <div className={styles.row}>
                  <span className={styles.id}>{model.id}</span>
                  {model === chosen && <Check className={styles.check} aria-label="chosen" />}
                  <Badge tone={model.available ? "good" : "plain"}>
                    {model.available ? "ready" : model.state}
                  </Badge>
                  {model.size_bytes !== null && (
                    <span className={styles.size}>{bytes(model.size_bytes)}</span>
                  )}
                </div>
                <p className={styles.title}>{model.title}</p>
                <p className={styles.takes}>{takes(model).join(" · ")}</p>
                {model.problem !== null && !model.available && (
                  <p className={styles.problem}>
                    Its weights are not here yet.{" "}
                    <Link href="/system">Fetch them under System</Link>, or choose it to see what it
                    would need.
                  </p>
                )}
                <Button
                  size="sm"
                  className={styles.use}
                  onClick={() => {
                    changeDraft({ ...UNSHAPED, checkpoint: model.id });
                    setOpen(false);
                  }}
                >
                  Use {model.id}
                </Button>
              </li>
            ))}
          </ul>
        </Dialog>
      )}
    </div>
  );
}

function takes(model: Model): string[] {
  return [
    model.needs_image ? "needs a first image" : "text",
    ...(model.takes_image && !model.needs_image ? ["first image"] : []),
    ...(model.takes_last_image ? ["last image"] : []),
    ...(model.takes_control ? ["control video, references"] : []),
    ...(model.animates_character ? ["pose and face videos"] : []),
    `${model.defaults.width} × ${model.defaults.height}`,
    `up to ${model.max_frames} frames`,
  ];
}
