import { LIMITS, type FieldProblem } from "@/shared/api";
import { changeDraft, fitted, type Draft } from "@/shared/draft";
import { Field, Segments, Slider } from "@/shared/ui";
import type { Effective } from "./effective";
import { GivenVideo } from "./GivenVideo";
import { PictureSlot } from "./PictureSlot";
import { References } from "./References";
import styles from "./Given.module.css";

/** What the video is made from: each place where the checkpoint takes something, or something is given. */
export function Given({
  draft,
  now,
  problem,
}: {
  draft: Draft;
  now: Effective;
  problem: (name: string) => FieldProblem | undefined;
}) {
  const { model } = now;
  const isLed = model.takes_control || model.animates_character;
  const { controlVideo, controlMask, faceVideo } = draft;
  const places = [
    (model.takes_image || draft.image) && (
      <PictureSlot
        key="image"
        which="image"
        label="First image"
        picture={draft.image}
        now={now}
        problem={problem("image")}
      />
    ),
    (model.takes_last_image || draft.lastImage) && (
      <PictureSlot
        key="last_image"
        which="lastImage"
        label="Last image"
        picture={draft.lastImage}
        now={now}
        problem={problem("last_image")}
      />
    ),
    (model.takes_video || draft.video) && (
      <GivenVideo
        key="video"
        which="video"
        label="Video to make anew"
        hint="Keeps its motion and colours, as far as the strength lets it"
        clip={draft.video}
        problem={problem("video")}
      />
    ),
    (isLed || controlVideo) && (
      <GivenVideo
        key="control_video"
        which="controlVideo"
        label="Control video"
        hint={
          model.animates_character
            ? "The poses, as Wan’s own preprocessing draws them"
            : "How things move: depth, poses, lines; or, with a mask, what is kept"
        }
        clip={controlVideo}
        problem={problem("control_video")}
      />
    ),
    ((model.takes_control && controlVideo) || controlMask) && (
      <GivenVideo
        key="control_mask"
        which="controlMask"
        label="Mask"
        hint="White where the control video is made anew"
        clip={controlMask}
        problem={problem("control_mask")}
      />
    ),
    (model.animates_character || faceVideo) && (
      <GivenVideo
        key="face_video"
        which="faceVideo"
        label="Face video"
        hint="A square one, with a face at every moment"
        clip={faceVideo}
        problem={problem("face_video")}
      />
    ),
    (isLed || draft.references.length > 0) && (
      <References key="references" draft={draft} now={now} problem={problem("references")} />
    ),
  ].filter(Boolean);
  if (places.length === 0) return null;
  return (
    <div className={styles.given}>
      <div className={styles.places}>{places}</div>
      {draft.video && <Strength draft={draft} now={now} problem={problem("strength")} />}
      <Fit draft={draft} now={now} />
    </div>
  );
}

function Strength({
  draft,
  now,
  problem,
}: {
  draft: Draft;
  now: Effective;
  problem: FieldProblem | undefined;
}) {
  const steps = Math.floor(now.steps * draft.strength);
  return (
    <Field
      label="Strength"
      aside={<span className={styles.value}>{draft.strength.toFixed(2)}</span>}
      hint={`The lower, the closer to the given video: ${steps} of ${now.steps} steps are made`}
      problem={problem}
      onNearest={(value) => changeDraft({ strength: Number(value) })}
    >
      {() => (
        <Slider
          label="Strength"
          value={draft.strength}
          min={0.05}
          max={LIMITS.strength.max}
          step={0.05}
          onValue={(strength) => changeDraft({ strength })}
        />
      )}
    </Field>
  );
}

/** What to do with what has another shape than the video. */
function Fit({ draft, now }: { draft: Draft; now: Effective }) {
  const isOther = fitted(draft).some((given) => {
    const shape = given === draft.faceVideo ? 1 : now.width / now.height;
    return given.width > 0 && Math.abs(given.width / given.height - shape) >= 0.005;
  });
  if (!isOther) return null;
  return (
    <div className={styles.fit}>
      <span>
        What has another shape than the video ({now.width} × {now.height}) is
      </span>
      <Segments
        label="How what has another shape is fitted"
        value={draft.imageFit}
        options={[
          { value: "crop", label: "cut at the edges" },
          { value: "pad", label: "padded" },
        ]}
        onValue={(imageFit) => changeDraft({ imageFit })}
      />
    </div>
  );
}
