/** Pictures of the draft: sent to the server, and kept small for showing. */
import { upload } from "@/shared/api/uploads";
import { changeDraft, type Picture } from "./draft";

const THUMB_PX = 320;

/** Upload `file` and make it the draft's first or last image; `frameOf`: of which generation's video it is one. */
export async function takePicture(
  which: "image" | "lastImage",
  file: Blob,
  frameOf?: string,
): Promise<void> {
  changeDraft({ [which]: { ...(await pictureOf(file)), ...(frameOf && { frameOf }) } });
}

async function pictureOf(file: Blob): Promise<Picture> {
  const kept = await upload(file);
  if (kept.num_frames != null) throw new Error("A picture is needed here, not a video.");
  return { id: kept.id, width: kept.width, height: kept.height, thumb: await thumbOf(file) };
}

async function thumbOf(file: Blob): Promise<string> {
  const bitmap = await createImageBitmap(file);
  const scale = Math.min(1, THUMB_PX / Math.max(bitmap.width, bitmap.height));
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, Math.round(bitmap.width * scale));
  canvas.height = Math.max(1, Math.round(bitmap.height * scale));
  canvas.getContext("2d")?.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  bitmap.close();
  return canvas.toDataURL("image/webp", 0.85).split(",")[1] ?? "";
}

/** What was kept of a picture for showing it. */
export function thumbBlob(thumb: string): Blob {
  const bytes = Uint8Array.from(atob(thumb), (character) => character.charCodeAt(0));
  return new Blob([bytes], { type: "image/webp" });
}
