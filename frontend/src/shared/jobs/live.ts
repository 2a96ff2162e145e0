/** What happens to generations, as it happens: one stream for the whole page, laid over what was asked for. */
import { useQueryClient, type QueryClient } from "@tanstack/react-query";
import { useEffect } from "react";
import { follow, type EventKind, type Generation, type Queue, type Snapshot } from "@/shared/api";
import { askAgain } from "./askAgain";
import { lost } from "./freshness";
import { after, laidOver } from "./laidOver";
import { GENERATION, GENERATIONS, OUTPUTS, QUEUE, useQueue } from "./queries";
import { recall, trace } from "./traces";

/** What the event tells in full: the server has nothing to add. */
const TOLD_WHOLE: readonly EventKind[] = ["stage", "step", "resume_point_saved"];

/** Keeps what is known of generations up to date; used once, by the page as a whole. */
export function useLiveJobs(onSnapshot: (told: Snapshot) => unknown): void {
  const client = useQueryClient();
  const { data: queue } = useQueue();
  const running = queue?.running;
  useEffect(() => followAll(client, onSnapshot), [client, onSnapshot]);
  useEffect(() => {
    if (running) void recall(running);
  }, [running]);
}

function followAll(client: QueryClient, onSnapshot: (told: Snapshot) => unknown): () => void {
  const ask = askAgain(client);
  const stop = follow("/api/v1/events", {
    onOpen() {
      lost.set(null);
      ask(QUEUE, GENERATION, GENERATIONS, OUTPUTS); // what is here may be older than the first event
    },
    onLost: lost.set,
    onEvent(event) {
      const told = JSON.parse(event.data) as Snapshot;
      trace(told);
      layOver(client, told);
      onSnapshot(told);
      if (TOLD_WHOLE.some((kind) => kind === event.event)) return;
      ask(QUEUE, [...GENERATION, told.generation]);
      if (isOver(told)) ask(GENERATIONS, OUTPUTS);
    },
  });
  return () => {
    stop();
    lost.set(null);
  };
}

const isOver = ({ status }: Snapshot) =>
  status === "completed" || status === "failed" || status === "cancelled";

function layOver(client: QueryClient, told: Snapshot): void {
  const id = told.generation;
  const queue = client.getQueryData<Queue>(QUEUE);
  const job = queue && [...queue.running, ...queue.waiting].find((one) => one.id === id);
  if (queue) client.setQueryData(QUEUE, laidOver(queue, told));
  client.setQueryData<Generation>([...GENERATION, id], (before) => {
    const known = before ?? (isOver(told) ? job : undefined); // it leaves the queue: kept here then
    return known && after(known, told);
  });
}
