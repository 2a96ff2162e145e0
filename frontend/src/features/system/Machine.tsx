import { useMemo, useState } from "react";
import type { System } from "@/shared/api";
import { bytes } from "@/shared/lib/format";
import { Badge, Panel, Segments } from "@/shared/ui";
import { Chart } from "./Chart";
import { hostLoad, hostMemory, ofAccelerator, SPANS, timesOf, useSamples } from "./series";
import styles from "./Machine.module.css";

type Span = keyof typeof SPANS;
type Accelerator = NonNullable<System["hardware"]>["accelerators"][number];

/** Accelerators and host over time. */
export function Machine({ system }: { system: System }) {
  const [span, setSpan] = useState<Span>("10 min");
  const samples = useSamples(SPANS[span]);
  const times = useMemo(() => timesOf(samples), [samples]);
  const { hardware } = system;
  if (!hardware) return null;
  const { host, accelerators } = hardware;
  const choice = (
    <Segments
      label="How far back"
      value={span}
      options={(Object.keys(SPANS) as Span[]).map((value) => ({ value, label: value }))}
      onValue={setSpan}
    />
  );
  return (
    <>
      {accelerators.map((accelerator, position) => (
        <Panel
          key={accelerator.index}
          title={`${accelerator.name} (${accelerator.index})`}
          aside={position === 0 ? choice : undefined}
        >
          <AcceleratorCharts accelerator={accelerator} times={times} samples={samples} />
        </Panel>
      ))}
      <Panel
        title="Host"
        aside={
          <span className={styles.aside}>
            <Badge>{host.cpu_count} CPUs</Badge>
            {accelerators.length === 0 && choice}
          </span>
        }
      >
        {accelerators.length === 0 && hardware.note && (
          <p className={styles.note}>Videos are made on the CPU: {hardware.note}.</p>
        )}
        <div className={styles.charts}>
          <Chart
            name="Memory in use"
            meaning="Of all processes. Near the top, a plan finds too little room."
            times={times}
            values={hostMemory(samples, host.total_bytes)}
            max={host.total_bytes}
            shown={bytes}
          />
          <Chart
            name="Load"
            meaning="Share of all CPUs at work."
            times={times}
            values={hostLoad(samples)}
            max={100}
            shown={(value) => `${Math.round(value)} %`}
          />
          <Chart
            name="Free on the disk"
            meaning="Where the data directory lies. Before it is full, nothing new is started."
            times={times}
            values={samples.map((sample) => sample.free_disk_bytes)}
            max={null}
            shown={bytes}
          />
        </div>
      </Panel>
    </>
  );
}

function AcceleratorCharts({
  accelerator,
  times,
  samples,
}: {
  accelerator: Accelerator;
  times: readonly number[];
  samples: Parameters<typeof ofAccelerator>[0];
}) {
  const { index, total_bytes, slowdown_c } = accelerator;
  return (
    <div className={styles.charts}>
      <Chart
        name="Memory in use"
        meaning="Of all processes. A loaded checkpoint keeps its part between videos."
        times={times}
        values={ofAccelerator(samples, index, (reading) => reading.used_bytes)}
        max={total_bytes}
        shown={bytes}
      />
      <Chart
        name="Load"
        meaning="Share of the time in which it worked."
        times={times}
        values={ofAccelerator(samples, index, (reading) => reading.load_percent)}
        max={100}
        shown={(value) => `${Math.round(value)} %`}
      />
      <Chart
        name="Temperature"
        meaning={
          slowdown_c == null
            ? "Its driver does not tell where it slows itself down."
            : `At ${slowdown_c} °C it slows itself down; shortly before, it gets no new video.`
        }
        times={times}
        values={ofAccelerator(samples, index, (reading) => reading.temperature_c)}
        max={slowdown_c ?? 110}
        shown={(value) => `${Math.round(value)} °C`}
      />
      <Chart
        name="Power"
        meaning="What it draws now; each video's energy is kept with it."
        times={times}
        values={ofAccelerator(samples, index, (reading) => reading.power_w)}
        max={null}
        shown={(value) => `${Math.round(value)} W`}
      />
    </div>
  );
}
