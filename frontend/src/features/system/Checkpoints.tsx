import { MoreHorizontal, ShieldCheck, Square, Trash2, Wrench } from "lucide-react";
import { useState } from "react";
import { useModels, useModelWork, type Model, type ModelWork } from "@/shared/api";
import { FetchButton, isPullable } from "@/shared/checkpoints";
import { bytes, duration, percent } from "@/shared/lib/format";
import {
  Badge,
  Button,
  Dialog,
  IconButton,
  Menu,
  Meter,
  Panel,
  Prose,
  Skeleton,
} from "@/shared/ui";
import styles from "./Checkpoints.module.css";

/** Which weights are here, whole and proven; which can be fetched. */
export function Checkpoints() {
  const { data: models } = useModels();
  const size = (models ?? []).reduce((sum, model) => sum + (model.size_bytes ?? 0), 0);
  return (
    <Panel
      title="Checkpoints"
      aside={<span className={styles.size}>{size > 0 && `${bytes(size)} here`}</span>}
      flush
    >
      {models ? (
        <ul className={styles.list}>
          {models.map((model) => (
            <Row key={model.id} model={model} />
          ))}
        </ul>
      ) : (
        <Skeleton height="32rem" />
      )}
    </Panel>
  );
}

function Row({ model }: { model: Model }) {
  const work = useModelWork();
  const [isRemoving, setRemoving] = useState(false);
  const isWorking = model.work?.status === "running";
  const start = (kind: ModelWork) => work.mutate({ id: model.id, work: kind });
  const isHere = model.state === "ready" || model.state === "broken";
  return (
    <li className={styles.row}>
      <div className={styles.what}>
        <p className={styles.name}>
          <strong>{model.id}</strong>
          <State model={model} />
        </p>
        <p className={styles.title}>{model.title}</p>
        {model.source && <p className={styles.source}>{model.source}</p>}
        {model.state === "broken" && model.problem && (
          <p className={styles.bad}>
            <Prose text={model.problem} />
          </p>
        )}
        <Work model={model} />
      </div>
      <span className={styles.size}>
        {model.size_bytes === null ? "" : bytes(model.size_bytes)}
      </span>
      <div className={styles.tools}>
        {isWorking && (
          <Button size="sm" disabled={work.isPending} onClick={() => start("stop")}>
            <Square aria-hidden="true" />
            Stop
          </Button>
        )}
        {isPullable(model) && !isWorking && <FetchButton model={model} />}
        {isHere && (
          <Menu
            trigger={<IconButton size="sm" label={`More: ${model.id}`} icon={<MoreHorizontal />} />}
            items={[
              {
                label: "Verify every byte",
                icon: <ShieldCheck />,
                onSelect: () => start("verify"),
                isOff: isWorking,
              },
              {
                label: "Repair",
                icon: <Wrench />,
                onSelect: () => start("repair"),
                isOff: isWorking || model.origin === "embedded",
              },
              {
                label: "Remove…",
                icon: <Trash2 />,
                onSelect: () => setRemoving(true),
                isDanger: true,
                isOff: isWorking || model.origin === "embedded",
              },
            ]}
          />
        )}
      </div>
      {isRemoving && (
        <Dialog
          title={`Remove ${model.id}?`}
          onClose={() => setRemoving(false)}
          foot={
            <>
              <Button onClick={() => setRemoving(false)}>Keep it</Button>
              <Button
                look="danger"
                onClick={() => {
                  start("remove");
                  setRemoving(false);
                }}
              >
                Remove it
              </Button>
            </>
          }
        >
          <p>
            This frees {model.size_bytes === null ? "its room" : bytes(model.size_bytes)}. Only what
            Wan Studio put there is taken away; videos stay. It can be fetched again.
          </p>
        </Dialog>
      )}
    </li>
  );
}

function State({ model }: { model: Model }) {
  if (model.state === "ready") return <Badge tone="good">ready</Badge>;
  if (model.state === "broken") return <Badge tone="bad">broken</Badge>;
  if (model.state === "unfinished") return <Badge tone="warn">unfinished</Badge>;
  return <Badge>not here</Badge>;
}

const DOING = { pull: "Fetching", verify: "Verifying", repair: "Repairing" } as const;

/** How fast it goes, and for how long yet; nothing where neither is known. */
function pace(progress: { done_bytes: number; total_bytes: number }, bytesPerS?: number | null) {
  if (!bytesPerS) return "";
  const left = (progress.total_bytes - progress.done_bytes) / bytesPerS;
  return `, ${bytes(bytesPerS)} a second, about ${duration(left)} left`;
}

function Work({ model }: { model: Model }) {
  const { work, unfinished } = model;
  if (!work || work.status === "stopped") {
    if (!unfinished) return null;
    return (
      <p className={styles.source}>
        {bytes(unfinished.done_bytes)} of {bytes(unfinished.total_bytes)} are here
      </p>
    );
  }
  if (work.status === "failed") {
    return (
      <p className={styles.bad}>
        <Prose text={work.message ?? ""} />
      </p>
    );
  }
  if (work.status === "running") {
    const progress = work.progress ?? null;
    const share = progress?.total_bytes ? progress.done_bytes / progress.total_bytes : null;
    return (
      <div className={styles.work}>
        <p className={styles.source}>
          {DOING[work.kind]}
          {progress &&
            ` ${progress.name}: ${bytes(progress.done_bytes)} of ${bytes(progress.total_bytes)}${share === null ? "" : `, ${percent(share)}`}${pace(progress, work.bytes_per_s)}`}
        </p>
        <Meter label={`${DOING[work.kind]} ${model.id}`} share={share} />
      </div>
    );
  }
  if (work.faults.length > 0) {
    return (
      <ul className={styles.bad}>
        {work.faults.map((fault) => (
          <li key={fault.name}>
            {fault.name}: {fault.fault}
          </li>
        ))}
      </ul>
    );
  }
  if (work.kind === "verify") {
    return <p className={styles.good}>Every byte is as it should be.</p>;
  }
  return null;
}
