import { Download, TriangleAlert } from "lucide-react";
import { Link } from "wouter";
import type { Model } from "@/shared/api";
import { FetchButton, isPullable } from "@/shared/checkpoints";
import { percent } from "@/shared/lib/format";
import { Notice, Prose } from "@/shared/ui";

const HOW = {
  ready: "not usable",
  broken: "broken",
  unfinished: "not all here",
  "not here": "not here",
} as const;
const DOING = { pull: "fetched", verify: "verified", repair: "repaired" } as const;

/** What keeps a checkpoint from being used, in a short sentence; null where nothing does. */
export const lackOf = (model: Model) =>
  model.available ? null : `The weights of ${model.id} are ${HOW[model.state]}.`;

/** Why the chosen checkpoint cannot be used, and what brings it here; nothing where it can. */
export function Lacking({ model }: { model: Model }) {
  const { work } = model;
  if (model.available) return null;
  if (work?.status === "running") {
    const { done_bytes: done, total_bytes: all } = work.progress ?? {};
    return (
      <Notice tone="accent" icon={<Download />}>
        {model.id} is being {DOING[work.kind]}
        {done !== undefined && all ? `: ${percent(done / all)}` : ""}.{" "}
        <Link href="/system">Follow it under System</Link>
      </Notice>
    );
  }
  if (!isPullable(model)) {
    return (
      <Notice tone="bad" icon={<TriangleAlert />}>
        <Prose text={model.problem ?? ""} /> <Link href="/system">See it under System</Link>
      </Notice>
    );
  }
  return (
    <Notice tone="warn" icon={<Download />} actions={<FetchButton model={model} />}>
      {lackOf(model)} Fetch them here, or with <code>wan models pull {model.id}</code>.
    </Notice>
  );
}
