import { TriangleAlert } from "lucide-react";
import { useState } from "react";
import { fieldsOf, useModels, type Model, type NewGeneration } from "@/shared/api";
import {
  changeDraft,
  axesOf,
  draftStore,
  EMPTY_DRAFT,
  expand,
  randomSeed,
  type Sweep,
} from "@/shared/draft";
import { useSubmit } from "@/shared/jobs";
import { useStore } from "@/shared/lib/store";
import { Button, Notice, Panel, ScreenHead, Skeleton, tell } from "@/shared/ui";
import { Batch } from "./Batch";
import { CarriedAlong } from "./CarriedAlong";
import { CheckpointChoice } from "./CheckpointChoice";
import { effective } from "./effective";
import { Given } from "./Given";
import { inputTrouble, modeOf } from "./inputs";
import { Lacking, lackOf } from "./Lacking";
import { Latest, latestStore } from "./Latest";
import { Loras } from "./Loras";
import { OwnPresets } from "./OwnPresets";
import { PlanPanel } from "./PlanPanel";
import { Presets } from "./Presets";
import { Prompt } from "./Prompt";
import { Sampling } from "./Sampling";
import { Shape } from "./Shape";
import { SubmitBar } from "./SubmitBar";
import { UNSHAPED } from "./unshaped";
import { isThisMachine, THIS_MACHINE, usePlan } from "./usePlan";
import styles from "./GenerateScreen.module.css";

/** Ask for videos: what they show, how they are made, what that takes. */
export function GenerateScreen() {
  const models = useModels();
  if (!models.data) {
    return (
      <>
        <ScreenHead title="Generate" />
        {models.isError ? (
          <Notice tone="bad" icon={<TriangleAlert />}>
            {models.error.message}
          </Notice>
        ) : (
          <div className={styles.screen}>
            <Skeleton height="34rem" />
            <Skeleton height="24rem" />
          </div>
        )}
      </>
    );
  }
  return <Form models={models.data} />;
}

function Form({ models }: { models: readonly Model[] }) {
  const draft = useStore(draftStore);
  const [allSweeps, setSweeps] = useState<readonly Sweep[]>([]);
  const [imagined, setImagined] = useState(THIS_MACHINE);
  const plan = usePlan(draft, imagined);
  const { batch, submit, leave } = useSubmit();
  const now = effective(draft, models, plan.data);
  if (!now) return null;
  const { model } = now;
  const sweeps = allSweeps.filter(({ axis }) => axesOf(model).includes(axis));
  const asked = expand(draft, sweeps, randomSeed);
  const trouble = inputTrouble(draft, model, models);
  const origin = JSON.stringify([draft, sweeps]);
  const refused = batch?.origin === origin ? batch.why : null;
  const isOfUse = batch?.why === null || (batch?.queued ?? 0) > 0 || refused !== null;
  const problem = (name: string) => fieldsOf(plan.error)(name) ?? fieldsOf(refused)(name);
  const queue = async (from: string, bodies: readonly NewGeneration[]) => {
    const queued = await submit(from, bodies, (job) => latestStore.set(job.id));
    if (queued !== null) tell(queued === 1 ? "Queued." : `${queued} videos queued.`);
  };
  const send = () => {
    if (asked.length > 0) void queue(origin, asked);
  };
  return (
    <>
      <ScreenHead title="Generate">
        <OwnPresets draft={draft} />
        <Button look="quiet" onClick={() => startOver()}>
          Start over
        </Button>
      </ScreenHead>
      <form
        className={styles.screen}
        onSubmit={(event) => {
          event.preventDefault();
          send();
        }}
        onKeyDown={(event) => {
          if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
            event.preventDefault();
            send();
          }
        }}
      >
        <div className={styles.asking}>
          <Panel
            title="What to show"
            aside={<span className={styles.mode}>{modeOf(draft, model)}</span>}
          >
            <div className={styles.stack}>
              <Prompt draft={draft} model={model} problem={problem} />
              <Given draft={draft} now={now} problem={problem} />
              <CarriedAlong draft={draft} />
              {trouble && (
                <Notice
                  tone="warn"
                  icon={<TriangleAlert />}
                  actions={
                    trouble.others.length > 0 &&
                    trouble.others.slice(0, 3).map(({ id }) => (
                      <Button
                        key={id}
                        size="sm"
                        onClick={() => changeDraft({ ...UNSHAPED, checkpoint: id })}
                      >
                        Use {id}
                      </Button>
                    ))
                  }
                >
                  {trouble.told}
                </Notice>
              )}
            </div>
          </Panel>
          <Panel title="How it is made">
            <div className={styles.stack}>
              <CheckpointChoice models={models} chosen={model} />
              <Lacking model={model} />
              <Presets draft={draft} model={model} problem={problem("preset")} />
              <Shape draft={draft} now={now} problem={problem} />
              <Sampling draft={draft} now={now} problem={problem} />
              <Loras draft={draft} model={model} problem={problem} />
            </div>
          </Panel>
          <Panel title="How many">
            <Batch draft={draft} model={model} sweeps={sweeps} onSweeps={setSweeps} />
          </Panel>
        </div>
        <div className={styles.beside}>
          <PlanPanel plan={plan} imagined={imagined} onImagined={setImagined} />
          <SubmitBar
            count={asked.length}
            seconds={isThisMachine(imagined) ? (plan.data?.plan.seconds ?? null) : null}
            batch={isOfUse ? batch : null}
            onRest={() => batch && void queue(batch.origin, [])}
            onLeave={leave}
            why={asked.length === 0 ? "Say first what to show." : lackOf(model)}
          />
          <Latest />
        </div>
      </form>
    </>
  );
}

function startOver(): void {
  const before = draftStore.get();
  draftStore.set({ ...EMPTY_DRAFT, checkpoint: before.checkpoint });
  tell("Everything is as the checkpoint has it.", {
    label: "Undo",
    run: () => draftStore.set(before),
  });
}
