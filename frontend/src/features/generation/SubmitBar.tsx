import { Sparkles, TriangleAlert } from "lucide-react";
import { sentence } from "@/shared/api";
import { duration, plural } from "@/shared/lib/format";
import { Button, Notice } from "@/shared/ui";
import styles from "./SubmitBar.module.css";

/** The button, and above it what pressing it means. */
export function SubmitBar({
  count,
  seconds,
  isSending,
  error,
  why,
}: {
  count: number;
  seconds: Record<string, number> | null;
  isSending: boolean;
  error: Error | null;
  /** Why nothing can be asked for now. */
  why: string | null;
}) {
  const each = seconds ? Object.values(seconds).reduce((sum, value) => sum + value, 0) : null;
  return (
    <div className={styles.bar}>
      {error && (
        <Notice tone="bad" icon={<TriangleAlert />}>
          {sentence(error)}
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
        {why ??
          (count > 1 && each !== null
            ? `About ${duration(each * count)} in all, one after another`
            : null)}
        {why === null && count <= 1 && (
          <span className={styles.keys}>Ctrl and Enter, from anywhere in the form</span>
        )}
      </p>
    </div>
  );
}
