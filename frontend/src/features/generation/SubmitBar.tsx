import { Sparkles, TriangleAlert } from "lucide-react";
import { sentence } from "@/shared/api";
import type { Batch } from "@/shared/jobs";
import { duration, plural } from "@/shared/lib/format";
import { Button, Notice, Prose } from "@/shared/ui";
import styles from "./SubmitBar.module.css";

/** The button, and above it what pressing it means. */
export function SubmitBar({
  count,
  seconds,
  batch,
  onRest,
  onLeave,
  why,
}: {
  count: number;
  seconds: Record<string, number> | null;
  /** What was asked for and is not queued yet. */
  batch: Batch | null;
  onRest: () => void;
  onLeave: () => void;
  /** Why nothing can be asked for now. */
  why: string | null;
}) {
  const all = batch ? batch.queued + batch.left.length : 0;
  const isSending = batch?.why === null;
  const each = seconds ? Object.values(seconds).reduce((sum, value) => sum + value, 0) : null;
  return (
    <div className={styles.bar}>
      {batch?.why && (
        <Notice
          tone="bad"
          icon={<TriangleAlert />}
          actions={
            batch.queued > 0 && (
              <>
                <Button size="sm" onClick={onRest}>
                  Queue the other {batch.left.length}
                </Button>
                <Button size="sm" look="quiet" onClick={onLeave}>
                  Leave it at that
                </Button>
              </>
            )
          }
        >
          {all > 1 && `${batch.queued} of ${all} queued. `}
          <Prose text={sentence(batch.why)} />
        </Notice>
      )}
      <div className={styles.line}>
        <Button
          type="submit"
          look="primary"
          size="lg"
          className={styles.go}
          aria-disabled={why !== null || isSending}
          aria-describedby="submit-told"
          onClick={(event) => {
            if (why !== null) event.preventDefault();
          }}
        >
          <Sparkles aria-hidden="true" />
          {count > 1 ? `Generate ${plural(count, "video")}` : "Generate"}
        </Button>
      </div>
      <p id="submit-told" className={styles.told}>
        {isSending
          ? `${batch.queued} of ${all} queued${batch.waitMs === null ? "…" : `; trying again in ${duration(batch.waitMs / 1000)}`}`
          : (why ??
            (count > 1 && each !== null
              ? `About ${duration(each * count)} in all, one after another`
              : null))}
        {!isSending && why === null && count <= 1 && (
          <span className={styles.keys}>Ctrl and Enter, from anywhere in the form</span>
        )}
      </p>
    </div>
  );
}
