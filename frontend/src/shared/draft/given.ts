/** Files that a video is made from: sent to the server, and kept small for showing. */
import { upload } from "@/shared/api/uploads";
import type { Clip, Picture } from "./draft";
import { changeDraft, draftStore } from "./kept";

const THUMB_PX = 320;
/** Milliseconds that a browser has to show a frame of a video. */
const FRAME_MS = 5_000;

export type PictureField = "image" | "lastImage";
export type ClipField = "video" | "controlVideo" | "controlMask" | "faceVideo";

/** Files that were given since the page was loaded, by their uploads' ids: to be played, or cut anew. */
const files = new Map<string, Blob>();
export const givenFile = (id: string) => files.get(id) ?? null;

/**
 * Upload `file` and make it the draft's first or last image. `whole`: what it was cut from; `frameOf`: the
 * generation whose video it is a frame of.
 */
export async function takePicture(
  which: PictureField,
  file: Blob,
  { whole = file, frameOf }: { whole?: Blob; frameOf?: string | undefined } = {},
): Promise<void> {
  const picture = await pictureOf(file);
  files.set(picture.id, whole);
  changeDraft({ [which]: { ...picture, ...(frameOf && { frameOf }) } });
}

/** Upload `file` and make it the reference that is `at` this place, or the next. */
export async function takeReference(at: number, file: Blob): Promise<void> {
  const references = [...draftStore.get().references];
  references.splice(at, 1, await pictureOf(file));
  changeDraft({ references });
}

/** Upload `file` and make it one of the draft's videos. */
export async function takeClip(which: ClipField, file: Blob): Promise<void> {
  const kept = await upload(file);
  if (kept.num_frames == null) throw new Error("A video is needed here, not a picture.");
  files.set(kept.id, file);
  const thumb = await firstFrameOf(file).then(thumbOf, () => null); // not every browser plays every kind
  const { id, width, height, duration_s } = kept;
  const clip: Clip = { id, width, height, seconds: duration_s ?? 0, thumb };
  changeDraft({ [which]: clip });
}

async function pictureOf(file: Blob): Promise<Picture> {
  const kept = await upload(file);
  if (kept.num_frames != null) throw new Error("A picture is needed here, not a video.");
  const thumb = thumbOf(await createImageBitmap(file));
  return { id: kept.id, width: kept.width, height: kept.height, thumb };
}

/** The first frame of a video, as this browser decodes it. */
async function firstFrameOf(file: Blob): Promise<ImageBitmap> {
  const url = URL.createObjectURL(file);
  try {
    const video = document.createElement("video");
    video.muted = true;
    video.preload = "auto";
    await new Promise((resolve, reject) => {
      video.addEventListener("loadeddata", resolve);
      video.addEventListener("error", reject);
      setTimeout(reject, FRAME_MS);
      video.src = url;
    });
    return await createImageBitmap(video);
  } finally {
    URL.revokeObjectURL(url);
  }
}

function thumbOf(bitmap: ImageBitmap): string {
  const scale = Math.min(1, THUMB_PX / Math.max(bitmap.width, bitmap.height));
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, Math.round(bitmap.width * scale));
  canvas.height = Math.max(1, Math.round(bitmap.height * scale));
  canvas.getContext("2d")?.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  bitmap.close();
  return canvas.toDataURL("image/webp", 0.85).split(",")[1] ?? "";
}

/** What was kept of a file for showing it. */
export function thumbBlob(thumb: string): Blob {
  const bytes = Uint8Array.from(atob(thumb), (character) => character.charCodeAt(0));
  return new Blob([bytes], { type: "image/webp" });
}
