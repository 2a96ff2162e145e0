import { Film, ImagePlus, Replace, X } from "lucide-react";
import { useRef, useState, type ClipboardEvent, type DragEvent, type ReactNode } from "react";
import { sentence, type FieldProblem } from "@/shared/api";
import { classes } from "@/shared/lib/format";
import { Field, IconButton, Skeleton } from "@/shared/ui";
import styles from "./Given.module.css";

const ACCEPTED = {
  image: "image/png,image/jpeg,image/webp",
  video: "video/mp4,video/quicktime,video/webm,video/x-matroska,.mkv",
};

/** A place for one file: dropped, pasted while it has the focus, or chosen; then what was given. */
export function GivenFile({
  label,
  kind,
  hint,
  problem,
  media,
  facts,
  tools,
  onFile,
  onRemove,
}: {
  label: string;
  kind: keyof typeof ACCEPTED;
  hint?: ReactNode;
  problem: FieldProblem | undefined;
  /** What is given, to look at; null while nothing is. */
  media: ReactNode;
  facts: string | null;
  tools?: ReactNode;
  /** Sends it; a refusal is told here. */
  onFile: (file: Blob) => Promise<void>;
  onRemove: () => void;
}) {
  const input = useRef<HTMLInputElement>(null);
  const [isOver, setOver] = useState(false);
  const [isSending, setSending] = useState(false);
  const [refusal, setRefusal] = useState<FieldProblem>();
  const take = async (file: Blob) => {
    setSending(true);
    setRefusal(undefined);
    try {
      await onFile(file);
    } catch (error) {
      setRefusal({ pointer: "", reason: sentence(error), nearest: [] });
    } finally {
      setSending(false);
    }
  };
  /** Others' files are left to the page: a recipe may be in them. */
  const takeFrom = (event: DragEvent | ClipboardEvent, files: FileList) => {
    const file = files[0];
    if (!file?.type.startsWith(kind)) return;
    event.preventDefault();
    void take(file);
  };
  const choose = () => input.current?.click();
  return (
    <Field label={label} hint={hint} problem={refusal ?? problem}>
      {(wired) => (
        <div
          className={classes(styles.slot, isOver && styles.over)}
          onDragOver={(event) => {
            event.preventDefault();
            setOver(true);
          }}
          onDragLeave={() => setOver(false)}
          onDrop={(event) => {
            setOver(false);
            takeFrom(event, event.dataTransfer.files);
          }}
          onPaste={(event) => takeFrom(event, event.clipboardData.files)}
        >
          <input
            ref={input}
            className="visually-hidden"
            type="file"
            accept={ACCEPTED[kind]}
            aria-label={`${label}: a file`}
            tabIndex={-1}
            onChange={(event) => {
              const file = event.target.files?.[0];
              event.target.value = "";
              if (file) void take(file);
            }}
          />
          {isSending ? (
            <Skeleton height="5.5rem" />
          ) : media ? (
            <div className={styles.filled}>
              {media}
              <div className={styles.caption}>
                <span className={styles.size}>{facts}</span>
                <span className={styles.tools}>
                  {tools}
                  <IconButton
                    {...wired}
                    size="sm"
                    label={`Replace: ${label}`}
                    icon={<Replace />}
                    onClick={choose}
                  />
                  <IconButton
                    size="sm"
                    label={`Remove: ${label}`}
                    icon={<X />}
                    onClick={onRemove}
                  />
                </span>
              </div>
            </div>
          ) : (
            <button type="button" className={styles.empty} {...wired} onClick={choose}>
              {kind === "image" ? <ImagePlus aria-hidden="true" /> : <Film aria-hidden="true" />}
              <span className={styles.size}>drop, paste or choose</span>
            </button>
          )}
        </div>
      )}
    </Field>
  );
}
