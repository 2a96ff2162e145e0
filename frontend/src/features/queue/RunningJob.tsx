import { Copy, X } from "lucide-react";
import type { Generation } from "@/shared/api";
import { JobPreview, JobProgress } from "@/shared/jobs";
import { Badge, Button, Panel } from "@/shared/ui";
import { useJobActions } from "./actions";
import { shapeOf } from "./shapeOf";
import styles from "./Jobs.module.css";

export function RunningJob({ job }: { job: Generation }) {
  const actions = useJobActions(job);
  return (
    <Panel>
      <article className={styles.running} aria-label={`Running: ${job.request.prompt}`}>
        <JobPreview job={job} />
        <div className={styles.told}>
          <header className={styles.head}>
            <div className={styles.what}>
              <p className={styles.prompt}>{job.request.prompt}</p>
              <p className={styles.shape}>
                {shapeOf(job)}
                {job.attempts > 1 && <Badge tone="warn">attempt {job.attempts}</Badge>}
                {job.resume_step > 0 && job.attempts > 1 && (
                  <Badge>went on from step {job.resume_step}</Badge>
                )}
                {job.memory_rung > 0 && (
                  <Badge tone="warn">decodes in tiles: memory was short</Badge>
                )}
              </p>
            </div>
            <div className={styles.tools}>
              <Button size="sm" onClick={actions.edit}>
                <Copy aria-hidden="true" /> Duplicate
              </Button>
              <Button
                size="sm"
                look="danger"
                disabled={actions.isCancelling}
                onClick={actions.cancel}
              >
                <X aria-hidden="true" /> {actions.isCancelling ? "Stopping…" : "Cancel"}
              </Button>
            </div>
          </header>
          <JobProgress job={job} />
          <Notices job={job} />
        </div>
      </article>
    </Panel>
  );
}

/** What the attempt had to say, of its LoRAs or of the picture. */
function Notices({ job }: { job: Generation }) {
  return job.notices.map((notice) => (
    <p key={notice} className={styles.notice}>
      {notice}
    </p>
  ));
}
