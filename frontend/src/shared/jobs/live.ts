/** What runs, as it happens: each running job's events, laid over what the queue last said. */
import { useEffect } from "react";
import { useQueryClient, type QueryClient } from "@tanstack/react-query";
import { follow, type Generation, type Queue } from "@/shared/api";
import { createStore, useStore } from "@/shared/lib/store";
import { traced, type Told, type Trace } from "./progress";
import { useQueue } from "./queries";

interface Snapshot extends Told {
  status: Generation["status"];
  steps: number;
  progress: number;
}

const traces = createStore<Readonly<Record<string, Trace>>>({});
/** False while a stream is lost; the page says so. */
export const connected = createStore(true);

export const useTraces = () => useStore(traces);

export function useTrace(id: string): Trace | undefined {
  return useStore(traces)[id];
}

/** Keeps the queue's running jobs up to date; used once, by the page as a whole. */
export function useLiveJobs(): void {
  const client = useQueryClient();
  const { data: queue } = useQueue();
  const running = (queue?.running ?? []).map((job) => job.id).join(" ");
  useEffect(() => {
    if (!running) return;
    const stops = running.split(" ").map((id) => followJob(client, id));
    return () => stops.forEach((stop) => stop());
  }, [client, running]);
}

function followJob(client: QueryClient, id: string): () => void {
  return follow(`/api/v1/generations/${id}/events`, {
    onConnection: connected.set,
    onEvent(event) {
      const told = JSON.parse(event.data) as Snapshot;
      traces.set({ ...traces.get(), [id]: traced(traces.get()[id], told) });
      const isRunning = told.status === "running" || told.status === "publishing";
      client.setQueryData<Queue>(["queue"], (queue) => queue && laidOver(queue, id, told));
      if (!isRunning) {
        void client.invalidateQueries({ queryKey: ["queue"] });
        void client.invalidateQueries({ queryKey: ["generations"] });
        void client.invalidateQueries({ queryKey: ["outputs"] });
      }
    },
  });
}

function laidOver(queue: Queue, id: string, told: Snapshot): Queue {
  const { status, stage, step, steps, progress } = told;
  if (status !== "running" && status !== "publishing") return queue;
  return {
    ...queue,
    running: queue.running.map((job) =>
      job.id === id && job.attempts <= told.attempt
        ? { ...job, status, stage, step, steps, progress, attempts: told.attempt }
        : job,
    ),
  };
}
