import { expect, it } from "vitest";
import type { MachineSample } from "@/shared/api";
import { hostMemory, joined, ofAccelerator } from "./series";

const sample = (seconds: number, more: Partial<MachineSample> = {}) =>
  ({
    at: new Date(seconds * 1000).toISOString(),
    host_available_bytes: 6,
    ...more,
  }) as MachineSample;

it("history and what comes after it are one row, each sample once, the old ones gone", () => {
  const row = joined([sample(0), sample(50), sample(100)], [sample(100), sample(110)], 60);

  expect(row.map(({ at }) => Date.parse(at) / 1000)).toEqual([100, 110]);
});

it("a sample that could not be read is a gap, not a zero", () => {
  const samples = [sample(1), sample(2, { host_available_bytes: null, accelerators: null })];

  expect(hostMemory(samples, 10)).toEqual([4, null]);
  expect(ofAccelerator(samples, 0, (reading) => reading.load_percent)).toEqual([null, null]);
});
