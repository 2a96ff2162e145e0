import { useEffect, useState } from "react";
import type { Generation, Stage } from "@/shared/api";
import { classes, duration, percent } from "@/shared/lib/format";
import { useTrace } from "./traces";
import { STAGE_NAMES, STAGES, secondsLeft, secondsPerStep, stepsDone } from "./progress";
import styles from "./JobProgress.module.css";

const TICK_MS = 500;

/** The time, twice a second: only for what counts up or down on the screen. */
export function useNow(): number {
  const [now, setNow] = useState(() => Date.now());
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), TICK_MS);
    return () => clearInterval(timer);
  }, []);
  return now;
}

/** How far a running job is: a track of its stages, and what is known of its times. */
export function JobProgress({ job }: { job: Generation }) {
  const trace = useTrace(job.id);
  const now = useNow();
  const left = secondsLeft(job, trace, now);
  const perStep = secondsPerStep(trace);
  const elapsed = job.started_at ? (now - Date.parse(job.started_at)) / 1000 : 0;
  const isDenoising = job.stage === "denoising";
  const doing = job.cancel_requested_at
    ? "Stopping"
    : job.status === "publishing"
      ? "Publishing"
      : job.stage
        ? STAGE_NAMES[job.stage]
        : "Starting";
  return (
    <div className={styles.progress}>
      <div className={styles.doing}>
        <span className={styles.stage}>
          {doing}
          {isDenoising && (
            <span className={styles.step}>
              step {job.step} of {job.steps}
            </span>
          )}
        </span>
        <span className="numeric">{percent(job.progress)}</span>
      </div>
      <div
        className={styles.track}
        role="progressbar"
        aria-label="Progress"
        aria-valuemin={0}
        aria-valuemax={100}
        aria-valuenow={Math.round(job.progress * 100)}
        aria-valuetext={`${doing}, ${percent(job.progress)}`}
      >
        {STAGES.map((stage) => (
          <StagePart key={stage} stage={stage} job={job} />
        ))}
      </div>
      <dl className={styles.times}>
        <div>
          <dt>Elapsed</dt>
          <dd>{duration(elapsed)}</dd>
        </div>
        <div>
          <dt>Remaining</dt>
          <dd>{left === null ? "not known yet" : `about ${duration(left)}`}</dd>
        </div>
        <div>
          <dt>Speed</dt>
          <dd>{perStep === null ? "–" : `${duration(perStep)} a step`}</dd>
        </div>
      </dl>
    </div>
  );
}

function StagePart({ stage, job }: { stage: Stage; job: Generation }) {
  const at =
    job.status === "publishing" ? STAGES.length : job.stage ? STAGES.indexOf(job.stage) : -1;
  const own = STAGES.indexOf(stage);
  const isNow = own === at;
  // Steps count in any stage: a video in several segments goes through them with each.
  const share = stage === "denoising" ? stepsDone(job) / Math.max(1, job.steps) : own > at ? 0 : 1;
  const isPulsing = isNow && stage !== "denoising";
  return (
    <span className={classes(styles.part, styles[stage])}>
      <span
        className={classes(styles.done, isPulsing && styles.pulsing)}
        style={{ width: `${share * 100}%` }}
      />
    </span>
  );
}
