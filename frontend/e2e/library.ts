/** A server with a library of videos, for what is measured. */
import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { WanServer } from "./server";

const PYTHON =
  process.env.PAGE_PYTHON ?? fileURLToPath(new URL("../../.venv/bin/python", import.meta.url));
const FILL = fileURLToPath(new URL("../../benchmarks/gallery.py", import.meta.url));

/** Start `server` and fill it: one video is made, and so many others show its pictures. Its id. */
export async function startWithVideos(server: WanServer, videos: number): Promise<string> {
  await server.start();
  const prompt = "a red circle moving right on a blue background";
  const { id } = await server.make({ prompt, seed: 7 });
  await server.stop();
  execFileSync(PYTHON, [FILL, server.data, String(videos)], { stdio: "inherit" });
  await server.start();
  return id;
}
