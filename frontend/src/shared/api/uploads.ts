/** Pictures on their way to the server; the same one has the same id, however often it is sent. */
import { authorization } from "./key";
import { refusal, unreachable } from "./problem";
import type { Upload } from "./types";

export async function upload(file: Blob): Promise<Upload> {
  const response = await fetch("/api/v1/uploads", {
    method: "POST",
    headers: { "Content-Type": file.type || "application/octet-stream", ...authorization() },
    body: file,
  }).catch(() => {
    throw unreachable();
  });
  if (!response.ok) throw await refusal(response);
  return (await response.json()) as Upload;
}
