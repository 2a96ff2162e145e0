import { describe, expect, it } from "vitest";
import type { Queue } from "@/shared/api";
import { isWhole, LINE, placeOf, runningIn, startsIn } from "./line";

const job = (id: string, checkpoint = "mini") => ({
  id,
  stage: null,
  step: 0,
  resume_step: 0,
  steps: 10,
  plan: { seconds: { denoising: 10 } },
  request: { checkpoint },
});
const slot = (isBusy: boolean, spareFor: string[] | null = null) => ({
  is_busy: isBusy,
  spare_for: spareFor,
});

const queue = (told: Partial<Record<keyof Queue, unknown>>) =>
  ({
    running: [],
    waiting: [],
    length: 0,
    slots: [slot(false)],
    paused_since: null,
    ...told,
  }) as unknown as Queue;

describe("a line that is seen whole", () => {
  const whole = queue({
    running: [job("r")],
    waiting: [job("a"), job("b")],
    length: 2,
    slots: [slot(true)],
  });

  it("tells each one's place, and when it begins", () => {
    expect(placeOf(whole, "b")).toBe(2);
    expect(placeOf(whole, "r")).toBeNull();
    expect(startsIn(whole, {}, 0)).toEqual([10, 20]);
    expect(startsIn({ ...whole, paused_since: "2026-01-01T00:00:00Z" }, {}, 0)).toEqual([
      null,
      null,
    ]);
  });

  it("counts a spare slot only where all that waits is for it", () => {
    const spare = { ...whole, slots: [slot(true), slot(false, ["mini"])] } as unknown as Queue;
    const mixed = { ...spare, waiting: [job("a"), job("b", "ti2v-5B")] } as unknown as Queue;

    expect(startsIn(spare, {}, 0)).toEqual([0, 10]);
    expect(startsIn(mixed, {}, 0)).toEqual([10, 20]);
  });

  it("is whole for an administrator who is told its beginning alone", () => {
    const ids = Array.from({ length: LINE }, (_, index) => job(String(index)));
    const long = queue({ waiting: ids, length: 1_000 });

    expect(isWhole(long)).toBe(true);
    expect(placeOf(long, "7")).toBe(8);
  });
});

describe("a line in which others wait, too", () => {
  const mine = queue({ waiting: [job("a"), job("b")], length: 7 });

  it("tells no place and no time: nobody says who is before whom", () => {
    expect(isWhole(mine)).toBe(false);
    expect(placeOf(mine, "a")).toBeNull();
    expect(startsIn(mine, {}, 0)).toEqual([null, null]);
  });

  it("tells no time while what others make keeps the slots", () => {
    const busy = queue({ waiting: [job("a")], length: 1, slots: [slot(true)] });

    expect(runningIn(busy)).toBe(1);
    expect(placeOf(busy, "a")).toBe(1);
    expect(startsIn(busy, {}, 0)).toEqual([null]);
  });
});
