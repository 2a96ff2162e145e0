import { expect, it } from "vitest";
import { differences } from "./differences";
import { frameAt, secondsOf, stepped } from "./frames";

it.each([8, 16, 24, 29.97])("at %d frames a second, each frame is found again", (fps) => {
  const footage = { fps, frames: 121 };

  for (let frame = 0; frame < footage.frames; frame += 1) {
    expect(frameAt(secondsOf(frame, footage), footage)).toBe(frame);
  }
  expect(frameAt(1_000, footage)).toBe(120);
});

it("steps stop at the ends, or go round where it loops", () => {
  expect(stepped(16, 1, 17, false)).toBe(16);
  expect(stepped(16, 1, 17, true)).toBe(0);
  expect(stepped(0, -1, 17, true)).toBe(16);
});

it("two requests differ in what differs alone", () => {
  const request = { prompt: "one", seed: 1, loras: [], width: 128 };
  const other = {
    ...request,
    seed: 2,
    loras: [{ name: "slow", strength_high_noise: 1, strength_low_noise: 0.5, sha256: [] }],
  };

  expect(differences(request as never, other as never)).toEqual([
    { name: "Seed", left: "1", right: "2" },
    { name: "LoRAs", left: "none", right: "slow 1 / 0.5" },
  ]);
});
