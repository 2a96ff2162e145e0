/** The machine's samples as rows of numbers for charts. */
import { useQuery } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { answered, api, follow, type MachineSample } from "@/shared/api";

/** Seconds of history that a chart shows at most. */
export const SPANS = { "10 min": 600, "1 hour": 3600 } as const;

/** Samples of the last `seconds`, oldest first, and each new one as it is taken. */
export function useSamples(seconds: number): readonly MachineSample[] {
  const history = useQuery({
    queryKey: ["history", seconds],
    queryFn: async ({ signal }) =>
      (
        await answered(
          api.GET("/api/v1/system/history", { params: { query: { seconds } }, signal }),
        )
      ).data,
    staleTime: 60_000,
  });
  const [fresh, setFresh] = useState<readonly MachineSample[]>([]);
  useEffect(
    () =>
      follow("/api/v1/system/events", {
        onEvent: (event) => {
          const sample = JSON.parse(event.data) as MachineSample;
          setFresh((before) => [...before, sample]);
        },
      }),
    [],
  );
  return joined(history.data ?? [], fresh, seconds);
}

/** Both in one row, each sample once, none older than `seconds` before the newest. */
export function joined(
  old: readonly MachineSample[],
  fresh: readonly MachineSample[],
  seconds: number,
): MachineSample[] {
  const last = Date.parse(old.at(-1)?.at ?? "1970-01-01T00:00:00Z");
  const all = [...old, ...fresh.filter((sample) => Date.parse(sample.at) > last)];
  const newest = Date.parse(all.at(-1)?.at ?? "1970-01-01T00:00:00Z");
  return all.filter((sample) => Date.parse(sample.at) > newest - seconds * 1000);
}

export type Column = (number | null)[];

export const timesOf = (samples: readonly MachineSample[]) =>
  samples.map((sample) => Date.parse(sample.at) / 1000);

export function hostMemory(samples: readonly MachineSample[], total: number): Column {
  return samples.map(({ host_available_bytes: free }) => (free === null ? null : total - free));
}

export const hostLoad = (samples: readonly MachineSample[]): Column =>
  samples.map((sample) => sample.host_load_percent);

type Reading = NonNullable<MachineSample["accelerators"]>[number];

export function ofAccelerator(
  samples: readonly MachineSample[],
  index: number,
  value: (reading: Reading) => number | null,
): Column {
  return samples.map(({ accelerators }) => {
    const reading = accelerators?.find((one) => one.index === index);
    return reading ? value(reading) : null;
  });
}
