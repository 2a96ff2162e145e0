/** Frames and the seconds at which they are shown. */
export interface Footage {
  fps: number;
  frames: number;
}

/** The middle of a frame's time: whatever the file's clock rounds to, it is that frame. */
export const secondsOf = (frame: number, { fps }: Footage) => (frame + 0.5) / fps;

export const frameAt = (seconds: number, { fps, frames }: Footage) =>
  Math.min(frames - 1, Math.max(0, Math.floor(seconds * fps + 1e-6)));

/** The frame after `by` steps; round the ends where it loops. */
export function stepped(frame: number, by: number, frames: number, loops: boolean): number {
  const to = frame + by;
  if (loops) return ((to % frames) + frames) % frames;
  return Math.min(frames - 1, Math.max(0, to));
}
