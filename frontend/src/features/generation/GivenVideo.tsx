import { Play } from "lucide-react";
import { useState } from "react";
import type { FieldProblem } from "@/shared/api";
import { changeDraft, givenFile, takeClip, type Clip, type ClipField } from "@/shared/draft";
import { duration } from "@/shared/lib/format";
import { BlobVideo } from "@/shared/ui";
import { shapeOf } from "./effective";
import { GivenFile } from "./GivenFile";
import { Thumb } from "./Thumb";
import styles from "./Given.module.css";

/** A video that another is made from: played while this page has its file, then shown by a frame. */
export function GivenVideo({
  which,
  label,
  hint,
  clip,
  problem,
}: {
  which: ClipField;
  label: string;
  hint: string;
  clip: Clip | null;
  problem: FieldProblem | undefined;
}) {
  return (
    <GivenFile
      label={label}
      kind="video"
      hint={hint}
      problem={problem}
      media={clip && <Preview clip={clip} label={label} />}
      facts={clip && [shapeOf(clip), ...(clip.seconds ? [duration(clip.seconds)] : [])].join(" · ")}
      onFile={(file) => takeClip(which, file)}
      onRemove={() => changeDraft({ [which]: null })}
    />
  );
}

function Preview({ clip, label }: { clip: Clip; label: string }) {
  const [isPlaying, setPlaying] = useState(false);
  const file = clip.thumb === null ? null : givenFile(clip.id);
  if (!file) return <Thumb given={clip} alt={label} />;
  return (
    <button
      type="button"
      className={styles.preview}
      aria-label={`${isPlaying ? "Pause" : "Play"}: ${label}`}
      onClick={({ currentTarget }) => {
        const video = currentTarget.querySelector("video");
        if (isPlaying) video?.pause();
        else void video?.play();
      }}
    >
      <BlobVideo
        className={styles.thumb}
        blob={file}
        loop
        muted
        onPlay={() => setPlaying(true)}
        onPause={() => setPlaying(false)}
      />
      {!isPlaying && <Play aria-hidden="true" />}
    </button>
  );
}
