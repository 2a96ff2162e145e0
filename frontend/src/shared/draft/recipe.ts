/** The recipe that Wan Studio writes into its MP4 files, under `comment` of their metadata. */
import type { GenerationRequest } from "@/shared/api";

const VERSION_BYTES = 4;
/** What kind of data it is, and its language. */
const DATA_HEADER_BYTES = 8;

/** The request that made `file`. Throws where there is none in it. */
export async function recipeIn(file: Blob): Promise<Partial<GenerationRequest>> {
  const text = commentIn(new DataView(await file.arrayBuffer()));
  if (text === null) throw new Error("This file has no recipe: Wan Studio did not make it.");
  let told: unknown;
  try {
    told = JSON.parse(text);
  } catch {
    throw new Error("The comment in this file is not a recipe of Wan Studio.");
  }
  const recipe = told as { request?: unknown; prompt?: unknown };
  const request = (recipe.request ?? recipe) as Partial<GenerationRequest>;
  if (typeof request.prompt !== "string") {
    throw new Error("The comment in this file is not a recipe of Wan Studio.");
  }
  return request;
}

/** The text of the comment in moov/udta/meta (ISO 14496-12, and Apple's metadata); null: not there. */
export function commentIn(view: DataView): string | null {
  const file = { from: 0, end: view.byteLength };
  const meta = inside(view, inside(view, inside(view, file, "moov"), "udta"), "meta");
  if (!meta) return null;
  const items = { ...meta, from: meta.from + VERSION_BYTES };
  const keys = keysIn(view, inside(view, items, "keys"));
  for (const item of boxes(view, inside(view, items, "ilst"))) {
    // An item is named by its type, or by its number in the table of keys.
    if (item.type !== "\u00a9cmt" && keys[view.getUint32(item.from - 4) - 1] !== "comment")
      continue;
    const data = inside(view, item, "data");
    if (data) return textOf(view, data.from + DATA_HEADER_BYTES, data.end);
  }
  return null;
}

interface Span {
  from: number;
  end: number;
}

interface Box extends Span {
  type: string;
}

/** The boxes that lie in a span; one that reaches beyond it ends them. */
function* boxes(view: DataView, span: Span | null): Generator<Box> {
  if (!span) return;
  let at = span.from;
  while (at + 8 <= span.end) {
    const told = view.getUint32(at);
    const isLong = told === 1 && at + 16 <= span.end;
    const header = isLong ? 16 : 8;
    const size = isLong ? Number(view.getBigUint64(at + 8)) : told === 0 ? span.end - at : told;
    if (size < header || at + size > span.end) return;
    yield { type: latin(view, at + 4, at + 8), from: at + header, end: at + size };
    at += size;
  }
}

function inside(view: DataView, span: Span | null, type: string): Span | null {
  for (const box of boxes(view, span)) if (box.type === type) return box;
  return null;
}

/** The names in a `keys` box: its version, how many, then each one's size, namespace and name. */
function keysIn(view: DataView, span: Span | null): string[] {
  if (!span) return [];
  const entries = { ...span, from: span.from + VERSION_BYTES + 4 };
  return [...boxes(view, entries)].map((entry) => textOf(view, entry.from, entry.end));
}

const textOf = (view: DataView, from: number, end: number) =>
  new TextDecoder().decode(new Uint8Array(view.buffer, view.byteOffset + from, end - from));

const latin = (view: DataView, from: number, end: number) =>
  String.fromCharCode(...new Uint8Array(view.buffer, view.byteOffset + from, end - from));
