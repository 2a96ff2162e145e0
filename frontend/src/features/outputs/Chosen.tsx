import { GitCompareArrows, Trash2, Undo2 } from "lucide-react";
import { useState } from "react";
import type { Output } from "@/shared/api";
import { Button } from "@/shared/ui";
import { Compare } from "./Compare";
import { useDelete, useRestore } from "./library";
import styles from "./Gallery.module.css";

/** What can be done with the videos that are chosen; nothing where none is. */
export function Chosen({
  videos,
  isDeleted,
  onChoose,
}: {
  videos: readonly Output[];
  isDeleted: boolean;
  onChoose: (ids: readonly string[]) => void;
}) {
  const deleting = useDelete();
  const restoring = useRestore();
  const [isComparing, setComparing] = useState(false);
  const [first, second, ...others] = videos;
  if (!first) return null;
  const ids = videos.map(({ id }) => id);
  return (
    <>
      <span className={styles.told}>{videos.length} chosen</span>
      <Button look="quiet" onClick={() => onChoose([])}>
        Clear
      </Button>
      {isDeleted ? (
        <Button
          look="primary"
          disabled={restoring.isPending}
          onClick={() => restoring.mutate(ids, { onSuccess: () => onChoose([]) })}
        >
          <Undo2 aria-hidden="true" /> Restore
        </Button>
      ) : (
        <>
          <Button
            disabled={deleting.isPending}
            onClick={() =>
              deleting.mutate(ids, {
                onSuccess: ({ deleted }) => onChoose(ids.filter((id) => !deleted.includes(id))),
              })
            }
          >
            <Trash2 aria-hidden="true" /> Delete
          </Button>
          <Button
            look="primary"
            disabled={!second || others.length > 0}
            title={second && others.length === 0 ? undefined : "Choose two to compare them"}
            onClick={() => setComparing(true)}
          >
            <GitCompareArrows aria-hidden="true" /> Compare
          </Button>
        </>
      )}
      {isComparing && second && (
        <Compare left={first} right={second} onClose={() => setComparing(false)} />
      )}
    </>
  );
}
