import { CirclePause, ListVideo, Pause, Play, TriangleAlert } from "lucide-react";
import { useLocation } from "wouter";
import { sentence, useModels, type Queue } from "@/shared/api";
import { changeDraft } from "@/shared/draft";
import { isWhole, runningIn, usePause, useQueue } from "@/shared/jobs";
import { moment, plural } from "@/shared/lib/format";
import { Button, Empty, Notice, Panel, ScreenHead, Skeleton } from "@/shared/ui";
import { Ended } from "./Ended";
import { RunningJob } from "./RunningJob";
import { Waiting } from "./Waiting";
import styles from "./QueueScreen.module.css";

/** What runs, what waits, what ended badly; everything here is the server's, and survives any reload. */
export function QueueScreen() {
  const { data: queue, error } = useQueue();
  return (
    <>
      <ScreenHead title="Queue">{queue && <PauseButton queue={queue} />}</ScreenHead>
      <div className={styles.screen}>
        {queue ? <Line queue={queue} /> : error ? <Failed error={error} /> : <Loading />}
        <Ended />
      </div>
    </>
  );
}

function Line({ queue }: { queue: Queue }) {
  const isEmpty = queue.running.length + queue.waiting.length === 0;
  return (
    <>
      {queue.paused_since !== null && (
        <Notice tone="warn" icon={<CirclePause />}>
          Paused since {moment(queue.paused_since)}: what runs goes on, nothing else is started, not
          even after a restart, until you resume.
        </Notice>
      )}
      {queue.is_draining && (
        <Notice tone="warn" icon={<TriangleAlert />}>
          The server is stopping. What runs is handed back at the end of its step and goes on later.
        </Notice>
      )}
      {[queue.problem, ...queue.slots.map((slot) => slot.problem)].map(
        (problem) =>
          problem && (
            <Notice key={problem} tone="bad" icon={<TriangleAlert />}>
              {problem}
            </Notice>
          ),
      )}
      {isEmpty ? (
        <Idle running={runningIn(queue)} waiting={queue.length} />
      ) : (
        <>
          {queue.running.map((job) => (
            <RunningJob key={job.id} job={job} />
          ))}
          {queue.waiting.length > 0 && (
            <Panel title="Waiting" aside={<Count queue={queue} />} flush>
              <Waiting queue={queue} />
            </Panel>
          )}
        </>
      )}
    </>
  );
}

const Count = ({ queue }: { queue: Queue }) => (
  <span className={styles.count}>
    {isWhole(queue)
      ? plural(queue.length, "video")
      : `${queue.waiting.length} of the ${plural(queue.length, "video")} that wait`}
  </span>
);

function PauseButton({ queue }: { queue: Queue }) {
  const pause = usePause();
  const isPaused = queue.paused_since !== null;
  return (
    <Button
      aria-disabled={pause.isPending}
      onClick={() => pause.isPending || pause.mutate(!isPaused)}
    >
      {isPaused ? <Play aria-hidden="true" /> : <Pause aria-hidden="true" />}
      {pause.isPending
        ? pause.variables
          ? "Pausing…"
          : "Resuming…"
        : isPaused
          ? "Resume"
          : "Pause"}
    </Button>
  );
}

/** `running`, `waiting`: how many of others' do. */
function Idle({ running, waiting }: { running: number; waiting: number }) {
  const { data: models } = useModels();
  const [, navigate] = useLocation();
  const model = models?.find(({ available, prompts }) => available && prompts.length > 0);
  return (
    <Panel>
      <Empty
        icon={<ListVideo />}
        title={
          running + waiting === 0
            ? "Nothing runs, nothing waits"
            : `Nothing of yours: of others’, ${running} run and ${waiting} wait`
        }
      >
        <p>
          What you ask for is shown here from its place in line to its last frame, in every browser
          that looks. Try it with {model?.id ?? "a prompt"}:
        </p>
        <div className={styles.examples}>
          {model?.prompts.slice(0, 3).map((prompt) => (
            <Button
              key={prompt}
              size="sm"
              onClick={() => {
                changeDraft({ prompt, checkpoint: model.id });
                navigate("/");
              }}
            >
              {prompt}
            </Button>
          ))}
        </div>
      </Empty>
    </Panel>
  );
}

function Loading() {
  return (
    <>
      <Skeleton height="9rem" />
      <Skeleton height="16rem" />
    </>
  );
}

const Failed = ({ error }: { error: Error }) => (
  <Notice tone="bad" icon={<TriangleAlert />}>
    {sentence(error)}
  </Notice>
);
