import type { Generation } from "@/shared/api";
import { duration } from "@/shared/lib/format";

/** A job's checkpoint, size, length and steps in one line. */
export function shapeOf({ request }: Generation): string {
  const { checkpoint, width, height, num_frames, fps, steps } = request;
  const begins = request.image ? (request.last_image ? "first and last image" : "first image") : "";
  return [checkpoint, `${width} × ${height}`, duration(num_frames / fps), `${steps} steps`, begins]
    .filter(Boolean)
    .join(" · ");
}
