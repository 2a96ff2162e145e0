import { Link } from "wouter";
import { keysLeft, useMedia, videoPath, type Generation } from "@/shared/api";
import { JobPreview, JobProgress, placeOf, useGeneration, useQueue } from "@/shared/jobs";
import { createKeptStore, useStore } from "@/shared/lib/store";
import { Badge, Panel, Prose, Skeleton } from "@/shared/ui";
import styles from "./Latest.module.css";

/** The id of what was last asked for from this browser. */
export const latestStore = createKeptStore<string | null>("wan.latest", null);
keysLeft.subscribe(() => latestStore.set(null));

/** What has become of the last request: where it stands in line, how far it is, the video. */
export function Latest() {
  const id = useStore(latestStore);
  const { data: queue } = useQueue();
  const inQueue = [...(queue?.running ?? []), ...(queue?.waiting ?? [])].find(
    (job) => job.id === id,
  );
  const ended = useGeneration(inQueue ? null : id);
  const job = inQueue ?? ended.data;
  if (id === null || ended.isError) return null;
  return (
    <Panel
      title="Latest"
      aside={job && <State job={job} place={queue ? placeOf(queue, id) : null} />}
    >
      {job ? <Shown job={job} /> : <Skeleton height="8rem" />}
    </Panel>
  );
}

function State({ job, place }: { job: Generation; place: number | null }) {
  if (job.status === "completed") return <Badge tone="good">done</Badge>;
  if (job.status === "failed") return <Badge tone="bad">failed</Badge>;
  if (job.status === "queued") {
    return <Badge>{place === null ? "waiting" : `number ${place} in line`}</Badge>;
  }
  return <Badge tone="accent">{job.status}</Badge>;
}

function Shown({ job }: { job: Generation }) {
  const source = useMedia(job.video ? videoPath(job.id) : null);
  return (
    <div className={styles.latest}>
      {job.video && source && (
        <video className={styles.video} src={source} controls loop muted autoPlay playsInline />
      )}
      {(job.status === "running" || job.status === "publishing") && (
        <>
          <JobPreview job={job} />
          <JobProgress job={job} />
        </>
      )}
      {job.error && (
        <p className={styles.error}>
          <Prose text={job.error.detail} />
        </p>
      )}
      <p className={styles.prompt}>{job.request.prompt}</p>
      {job.status === "completed" ? (
        <Link href={`/outputs/${job.id}`}>Open it under Outputs</Link>
      ) : (
        <Link href="/queue">Show the queue</Link>
      )}
    </div>
  );
}
