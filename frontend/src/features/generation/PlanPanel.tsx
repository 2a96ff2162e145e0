import type { UseQueryResult } from "@tanstack/react-query";
import { CircleCheck, CircleX } from "lucide-react";
import { ProblemError, sentence, type Plan, type Stage } from "@/shared/api";
import { STAGE_NAMES, STAGES } from "@/shared/jobs";
import { bytes, classes, duration } from "@/shared/lib/format";
import { Facts, Meter, Panel, Prose, Skeleton } from "@/shared/ui";
import { AsIf } from "./AsIf";
import { isThisMachine, type Imagined } from "./usePlan";
import styles from "./PlanPanel.module.css";

/** More would push the button below them off the screen. */
const FEW_REASONS = 3;

/**
 * What the draft would take, as it is typed: whether it fits, memory, time, where its parts lie, why; on
 * this machine, or on one that is only imagined.
 */
export function PlanPanel({
  plan,
  imagined,
  onImagined,
}: {
  plan: UseQueryResult<Plan>;
  imagined: Imagined;
  onImagined: (imagined: Imagined) => void;
}) {
  const isHere = isThisMachine(imagined);
  return (
    <Panel
      title="The plan"
      aside={plan.isPlaceholderData && <span className={styles.busy}>…</span>}
    >
      <div className={styles.plan} aria-live="polite">
        {plan.error ? (
          <Refused error={plan.error} isHere={isHere} />
        ) : plan.data ? (
          <Told plan={plan.data} isHere={isHere} />
        ) : (
          <Skeleton height="12rem" />
        )}
      </div>
      <AsIf imagined={imagined} onImagined={onImagined} />
    </Panel>
  );
}

function Refused({ error, isHere }: { error: Error; isHere: boolean }) {
  const code = error instanceof ProblemError ? error.code : "";
  const verdict =
    code === "does-not-fit"
      ? isHere
        ? "Does not fit on this machine"
        : "Would not fit"
      : code === "unreachable"
        ? "No plan now"
        : "Not possible like this";
  return (
    <>
      <Verdict isGood={false}>{verdict}</Verdict>
      <p className={styles.reason}>
        <Prose text={sentence(error)} />
      </p>
    </>
  );
}

function Told({ plan, isHere }: { plan: Plan; isHere: boolean }) {
  const { capacity } = plan;
  const told = plan.plan;
  const placement = told.placement;
  return (
    <>
      <Verdict isGood>{isHere ? "Fits on this machine" : "Would fit"}</Verdict>
      {told.accelerator_needed_bytes != null && capacity.accelerator_bytes !== null && (
        <Memory
          name="Accelerator memory"
          needed={told.accelerator_needed_bytes}
          free={capacity.accelerator_bytes}
        />
      )}
      {told.host_needed_bytes != null && (
        <Memory name="Host memory" needed={told.host_needed_bytes} free={capacity.host_bytes} />
      )}
      <Times seconds={told.seconds ?? null} />
      {placement && (
        <Facts
          facts={[
            ["Experts", `${placement.experts}, ${placement.precision}`],
            ["Text encoder", placement.text_encoder],
            ["VAE", `${placement.vae}${placement.is_tiled ? ", in tiles" : ""}`],
          ]}
        />
      )}
      <details className={styles.why} open={told.reasons.length <= FEW_REASONS}>
        <summary>Why</summary>
        <ul className={styles.reasons}>
          {told.reasons.map((reason) => (
            <li key={reason}>
              <Prose text={reason} />
            </li>
          ))}
        </ul>
      </details>
    </>
  );
}

function Verdict({ isGood, children }: { isGood: boolean; children: string }) {
  return (
    <p className={classes(styles.verdict, isGood ? styles.good : styles.bad)}>
      {isGood ? <CircleCheck aria-hidden="true" /> : <CircleX aria-hidden="true" />}
      {children}
    </p>
  );
}

function Memory({ name, needed, free }: { name: string; needed: number; free: number }) {
  const share = free > 0 ? needed / free : 1;
  const tone = share > 0.97 ? "bad" : share > 0.85 ? "warn" : "accent";
  return (
    <div className={styles.memory}>
      <div className={styles.pair}>
        <span>{name}</span>
        <span className="numeric">
          {bytes(needed)} <span className={styles.of}>of {bytes(free)} free</span>
        </span>
      </div>
      <Meter label={`${name}, predicted at the peak`} share={share} tone={tone} />
    </div>
  );
}

function Times({ seconds }: { seconds: Partial<Record<string, number>> | null }) {
  if (!seconds) {
    return (
      <p className={styles.reason}>
        No time is told yet: this machine has not made a video of this kind. The first one measures
        it.
      </p>
    );
  }
  const total = Object.values(seconds).reduce<number>((sum, value) => sum + (value ?? 0), 0);
  const known = STAGES.filter((stage) => (seconds[stage] ?? 0) > 0);
  return (
    <div className={styles.memory}>
      <div className={styles.pair}>
        <span>Time</span>
        <span className="numeric">about {duration(total)}</span>
      </div>
      <div className={styles.stages} aria-hidden="true">
        {known.map((stage) => (
          <span
            key={stage}
            className={styles[stage]}
            style={{ flexGrow: seconds[stage] ?? 0 }}
            title={`${STAGE_NAMES[stage]}: ${duration(seconds[stage] ?? 0)}`}
          />
        ))}
      </div>
      <ul className={styles.legend}>
        {known.map((stage: Stage) => (
          <li key={stage}>
            <span className={classes(styles.dot, styles[stage])} aria-hidden="true" />
            {STAGE_NAMES[stage]} <span className="numeric">{duration(seconds[stage] ?? 0)}</span>
          </li>
        ))}
      </ul>
    </div>
  );
}
