/** What is left to the checkpoint again when another is chosen: it has another shape and defaults. */
export const UNSHAPED = {
  width: null,
  height: null,
  numFrames: null,
  steps: null,
  guidanceHigh: null,
  guidanceLow: null,
  flowShift: null,
  scheduler: null,
  negative: null,
  preset: null,
  carried: {},
} as const;
