import { useFetched, type Generation } from "@/shared/api";
import { useTrace } from "./traces";
import styles from "./JobProgress.module.css";

/** How a running job is going to look: small and unsharp, and better with each of its previews. */
export function JobPreview({ job }: { job: Generation }) {
  const step = useTrace(job.id)?.previewStep ?? null;
  const source = useFetched(step === null ? null : `/api/v1/generations/${job.id}/preview`, step);
  if (!source || step === null) return null;
  return (
    <figure className={styles.preview}>
      <img src={source} alt={`Preview: ${job.request.prompt}`} />
      <figcaption>after step {step}</figcaption>
    </figure>
  );
}
