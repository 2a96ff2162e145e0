import { Crop, ImagePlus, X } from "lucide-react";
import { lazy, Suspense, useMemo, useRef, useState } from "react";
import { changeDraft, takePicture, thumbBlob, type Draft, type Picture } from "@/shared/draft";
import { classes } from "@/shared/lib/format";
import { BlobImage, IconButton, Segments, Skeleton, tellProblem } from "@/shared/ui";
import type { Effective } from "./effective";
import styles from "./Pictures.module.css";

const CropDialog = lazy(async () => ({ default: (await import("./CropDialog")).CropDialog }));
const ACCEPTED = "image/png,image/jpeg,image/webp";

/** The first and the last image: dropped, pasted or chosen, and cut to the video's shape. */
export function Pictures({ draft, now }: { draft: Draft; now: Effective }) {
  const { model } = now;
  const isShown = model.takes_image || draft.image !== null || draft.lastImage !== null;
  if (!isShown) return null;
  const isOther = [draft.image, draft.lastImage].some(
    (picture) => picture && !isSameShape(picture, now),
  );
  return (
    <div className={styles.pictures}>
      <div className={styles.slots}>
        <Slot which="image" label="First image" picture={draft.image} now={now} />
        {(model.takes_last_image || draft.lastImage) && (
          <Slot which="lastImage" label="Last image" picture={draft.lastImage} now={now} />
        )}
      </div>
      {isOther && (
        <div className={styles.fit}>
          <span>
            Not of the video’s shape ({now.width} × {now.height}): crop it yourself, or let it be
          </span>
          <Segments
            label="How images of another shape are fitted"
            value={draft.imageFit}
            options={[
              { value: "crop", label: "cut at the edges" },
              { value: "pad", label: "padded" },
            ]}
            onValue={(imageFit) => changeDraft({ imageFit })}
          />
        </div>
      )}
    </div>
  );
}

const isSameShape = (picture: Picture, { width, height }: { width: number; height: number }) =>
  Math.abs(picture.width / picture.height - width / height) < 0.005;

function Slot({
  which,
  label,
  picture,
  now,
}: {
  which: "image" | "lastImage";
  label: string;
  picture: Picture | null;
  now: Effective;
}) {
  const input = useRef<HTMLInputElement>(null);
  const [isOver, setOver] = useState(false);
  const [isSending, setSending] = useState(false);
  const [file, setFile] = useState<Blob | null>(null);
  const [isCropping, setCropping] = useState(false);
  const take = async (given: Blob) => {
    setSending(true);
    try {
      await takePicture(which, given);
    } catch (error) {
      tellProblem(error);
    } finally {
      setSending(false);
    }
  };
  const choose = (given: Blob | undefined) => {
    if (!given) return;
    setFile(given);
    void take(given);
  };
  return (
    <div
      className={classes(styles.slot, isOver && styles.over)}
      onDragOver={(event) => {
        event.preventDefault();
        setOver(true);
      }}
      onDragLeave={() => setOver(false)}
      onDrop={(event) => {
        const given = event.dataTransfer.files[0];
        setOver(false);
        if (!given?.type.startsWith("image/")) return;
        event.preventDefault();
        choose(given);
      }}
    >
      <input
        ref={input}
        className="visually-hidden"
        type="file"
        accept={ACCEPTED}
        aria-label={label}
        tabIndex={-1}
        onChange={(event) => {
          choose(event.target.files?.[0]);
          event.target.value = "";
        }}
      />
      {isSending ? (
        <Skeleton height="7rem" />
      ) : picture ? (
        <div className={styles.filled}>
          <Thumb picture={picture} alt={label} />
          <div className={styles.caption}>
            <span>{label}</span>
            {picture.width > 0 && (
              <span className={styles.size}>
                {picture.width} × {picture.height}
              </span>
            )}
            <span className={styles.tools}>
              {file && (
                <IconButton
                  size="sm"
                  label={`Crop the ${label.toLowerCase()}`}
                  icon={<Crop />}
                  onClick={() => setCropping(true)}
                />
              )}
              <IconButton
                size="sm"
                label={`Remove the ${label.toLowerCase()}`}
                icon={<X />}
                onClick={() => changeDraft({ [which]: null })}
              />
            </span>
          </div>
        </div>
      ) : (
        <button type="button" className={styles.empty} onClick={() => input.current?.click()}>
          <ImagePlus aria-hidden="true" />
          <span>{label}</span>
          <span className={styles.size}>drop, paste or choose</span>
        </button>
      )}
      {isCropping && file && (
        <Suspense>
          <CropDialog
            file={file}
            aspect={now.width / now.height}
            onClose={() => setCropping(false)}
            onCropped={(cropped) => {
              setCropping(false);
              void take(cropped);
            }}
          />
        </Suspense>
      )}
    </div>
  );
}

function Thumb({ picture, alt }: { picture: Picture; alt: string }) {
  const blob = useMemo(() => (picture.thumb ? thumbBlob(picture.thumb) : null), [picture.thumb]);
  if (!blob) return <div className={styles.unseen}>kept on the server</div>;
  return <BlobImage className={styles.thumb} blob={blob} alt={alt} />;
}
