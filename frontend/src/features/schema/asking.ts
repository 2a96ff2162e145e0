/** One request of the reader's own, and what the server says to it, as it comes. */
import { authorization } from "@/shared/api";
import type { Route } from "./description";

/** So much of a long answer, or of a stream, is shown: its end. */
const SHOWN = 40_000;

export interface Asked {
  /** By their names. */
  parameters: Record<string, string>;
  body: string;
  file: File | null;
}

export interface Answer {
  status: string;
  isGood: boolean;
  headers: string;
  text: string;
  /** A picture to be shown; the one who shows it lets go of it. */
  picture: string | null;
}

export function addressOf(route: Route, { parameters }: Asked): string {
  const query = new URLSearchParams();
  let path = route.path;
  for (const { name, in: place } of route.parameters ?? []) {
    const value = parameters[name] ?? "";
    if (place === "path") path = path.replace(`{${name}}`, encodeURIComponent(value));
    if (place === "query" && value !== "") query.append(name, value);
  }
  return query.size ? `${path}?${query}` : path;
}

/** Tells `onAnswer` again with each piece that comes. Rejects where nobody answers. */
export async function ask(
  route: Route,
  asked: Asked,
  signal: AbortSignal,
  onAnswer: (answer: Answer) => void,
): Promise<void> {
  const headers = new Headers(authorization());
  for (const { name, in: place } of route.parameters ?? []) {
    if (place === "header" && asked.parameters[name]) headers.set(name, asked.parameters[name]);
  }
  const body = asked.file ?? (asked.body || null);
  if (body !== null) headers.set("Content-Type", asked.file?.type ?? "application/json");
  const response = await fetch(addressOf(route, asked), {
    method: route.method,
    headers,
    body,
    signal,
  });
  const answer: Answer = {
    status: `${response.status} ${response.statusText}`,
    isGood: response.ok,
    headers: [...response.headers].map(([name, value]) => `${name}: ${value}`).join("\n"),
    text: "",
    picture: null,
  };
  onAnswer(answer);
  const type = response.headers.get("content-type") ?? "";
  if (type.startsWith("image/") || type.startsWith("video/")) {
    const file = await response.blob();
    const picture = type.startsWith("image/") ? URL.createObjectURL(file) : null;
    onAnswer({ ...answer, text: `${file.size} bytes of ${type}`, picture });
    return;
  }
  let text = "";
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
  for (let piece = await reader?.read(); piece && !piece.done; piece = await reader?.read()) {
    text = (text + piece.value).slice(-SHOWN);
    onAnswer({ ...answer, text });
  }
  onAnswer({ ...answer, text: readable(text) });
}

function readable(text: string): string {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}
