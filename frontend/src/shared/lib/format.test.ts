import { expect, it } from "vitest";
import { bytes, duration } from "./format";

it.each([
  [0, "0 B"],
  [1023, "1023 B"],
  [1536, "1.5 KiB"],
  [14_355_672, "13.7 MiB"],
  [150 * 2 ** 30, "150 GiB"],
])("%d bytes", (count, words) => expect(bytes(count)).toBe(words));

it.each([
  [-1, "0.0 s"],
  [3.94, "3.9 s"],
  [9.96, "10 s"],
  [59.6, "1 min"],
  [200, "3 min 20 s"],
  [3 * 3600 + 61, "3 h 01 min"],
])("%d seconds", (seconds, words) => expect(duration(seconds)).toBe(words));
