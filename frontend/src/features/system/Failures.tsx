import { useGenerations } from "@/shared/jobs";
import { fullMoment } from "@/shared/lib/format";
import { Badge, Panel, Prose } from "@/shared/ui";
import styles from "./Checkpoints.module.css";

const SHOWN = 20;

/** What went wrong lately, with what the server says of it. */
export function Failures() {
  const { data } = useGenerations(["failed"]);
  const failed = data?.pages[0]?.data.slice(0, SHOWN) ?? [];
  return (
    <Panel title="Recent failures" flush>
      {failed.length === 0 ? (
        <div className={styles.row}>
          <p className={styles.title}>
            None. What fails is told here with its code and its reason.
          </p>
        </div>
      ) : (
        <ul className={styles.list}>
          {failed.map((job) => (
            <li key={job.id} className={styles.row}>
              <div className={styles.what}>
                <p className={styles.name}>
                  <strong>{job.request.prompt}</strong>
                  {job.error && <Badge tone="bad">{job.error.code}</Badge>}
                </p>
                <p className={styles.bad}>
                  <Prose text={job.error?.detail ?? ""} />
                </p>
                <p className={styles.source}>
                  {job.request.checkpoint}
                  {job.finished_at && `, ${fullMoment(job.finished_at)}`}
                </p>
              </div>
            </li>
          ))}
        </ul>
      )}
    </Panel>
  );
}
