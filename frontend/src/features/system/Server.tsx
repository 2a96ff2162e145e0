import { CircleCheck, CircleX } from "lucide-react";
import type { Queue, Slot, System } from "@/shared/api";
import { runningIn, useQueue } from "@/shared/jobs";
import { bytes, moment, plural } from "@/shared/lib/format";
import { Badge, Facts, Panel, Skeleton } from "@/shared/ui";
import { useChecks } from "./queries";
import styles from "./Server.module.css";

/** Who makes videos, on what, and with what loaded. */
export function Workers({ slots }: { slots: readonly Slot[] }) {
  return (
    <Panel title="Workers" flush>
      <ul className={styles.list}>
        {slots.map((slot) => (
          <li key={slot.number}>
            <span className={styles.name}>
              Worker {slot.number}
              <span className={styles.where}>
                {slot.accelerator === null ? "on the CPU" : `on accelerator ${slot.accelerator}`}
              </span>
            </span>
            {slot.problem !== null ? (
              <Badge tone="bad">rests</Badge>
            ) : slot.is_busy ? (
              <Badge tone="accent">at work</Badge>
            ) : (
              <Badge>{slot.spare_for === null ? "idle" : "spare"}</Badge>
            )}
            <span className={styles.loaded}>
              {slot.checkpoint === null ? "" : `${slot.checkpoint} is loaded`}
            </span>
            {slot.problem !== null && <p className={styles.problem}>{slot.problem}</p>}
            {slot.fenced_out > 0 && (
              <p className={styles.where}>
                {plural(slot.fenced_out, "report")} of earlier attempts came too late, and changed
                nothing
              </p>
            )}
          </li>
        ))}
      </ul>
    </Panel>
  );
}

/** Whether the server can take and keep generations. */
export function Health({ system }: { system: System }) {
  const { data: checks } = useChecks();
  const { data: queue } = useQueue();
  const first = queue?.waiting[0];
  return (
    <Panel title="Health">
      {checks && queue ? (
        <ul className={styles.checks}>
          {[...checks, ["queue", holdOf(queue)] as const].map(([name, problem]) => (
            <li key={name} className={problem === null ? styles.good : styles.bad}>
              {problem === null ? (
                <CircleCheck aria-hidden="true" />
              ) : (
                <CircleX aria-hidden="true" />
              )}
              <span>
                <strong>{name}</strong> {problem ?? "is fine"}
              </span>
            </li>
          ))}
        </ul>
      ) : (
        <Skeleton height="7.25rem" />
      )}
      <Facts
        facts={[
          [
            "Free on the disk",
            system.free_disk_bytes === null ? "not known" : bytes(system.free_disk_bytes),
          ],
          [
            "Queue",
            queue
              ? `${runningIn(queue)} running, ${queue.length} waiting${first ? `, the first since ${moment(first.created_at)}` : ""}`
              : "…",
          ],
          ["Looked at", moment(system.at)],
        ]}
      />
    </Panel>
  );
}

/** Why nothing is started, in words; null where nothing keeps it. */
function holdOf(queue: Queue): string | null {
  if (queue.paused_since !== null) return `is paused since ${moment(queue.paused_since)}`;
  return queue.is_draining ? "ends with the server" : queue.problem;
}

export function Versions({ versions }: { versions: System["versions"] }) {
  return (
    <Panel title="Versions">
      <Facts
        columns
        facts={Object.entries(versions).map(
          ([name, version]) => [name, version ?? "not installed"] as const,
        )}
      />
    </Panel>
  );
}
