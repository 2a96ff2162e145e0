import { CircleCheck, CircleX, Copy, Film, ListX, RotateCcw } from "lucide-react";
import { Link } from "wouter";
import type { Generation } from "@/shared/api";
import { useGenerations } from "@/shared/jobs";
import { duration, moment } from "@/shared/lib/format";
import { Button, Panel, Prose } from "@/shared/ui";
import { useJobActions } from "./actions";
import { shapeOf } from "./shapeOf";
import styles from "./Jobs.module.css";

const SHOWN = 12;

/** What ended lately; what failed says why. */
export function Ended() {
  const { data } = useGenerations(["completed", "failed", "cancelled"]);
  const jobs = data?.pages[0]?.data.slice(0, SHOWN) ?? [];
  if (jobs.length === 0) return null;
  return (
    <Panel title="Lately" flush>
      <ul className={styles.line}>
        {jobs.map((job) => (
          <EndedJob key={job.id} job={job} />
        ))}
      </ul>
    </Panel>
  );
}

function EndedJob({ job }: { job: Generation }) {
  const actions = useJobActions(job);
  const took =
    job.started_at && job.finished_at
      ? (Date.parse(job.finished_at) - Date.parse(job.started_at)) / 1000
      : null;
  return (
    <li className={styles.ended}>
      <Mark status={job.status} />
      <div className={styles.what}>
        <p className={styles.prompt}>{job.request.prompt}</p>
        {job.error && (
          <p className={styles.error}>
            <Prose text={job.error.detail} />
          </p>
        )}
        <p className={styles.shape}>
          {shapeOf(job)}
          {job.finished_at && <> · {moment(job.finished_at)}</>}
          {job.status === "completed" && took !== null && <> · took {duration(took)}</>}
        </p>
      </div>
      <div className={styles.tools}>
        {job.status === "completed" ? (
          <Link href={`/outputs/${job.id}`} className={styles.open}>
            <Film aria-hidden="true" /> Open
          </Link>
        ) : (
          <Button size="sm" disabled={actions.isRetrying} onClick={actions.retry}>
            <RotateCcw aria-hidden="true" /> Retry
          </Button>
        )}
        <Button size="sm" look="quiet" onClick={actions.edit}>
          <Copy aria-hidden="true" /> Edit
        </Button>
      </div>
    </li>
  );
}

function Mark({ status }: { status: Generation["status"] }) {
  if (status === "completed") return <CircleCheck className={styles.good} aria-label="completed" />;
  if (status === "failed") return <CircleX className={styles.bad} aria-label="failed" />;
  return <ListX className={styles.gone} aria-label="cancelled" />;
}
