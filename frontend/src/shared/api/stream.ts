/** Server-sent events over fetch, which can send a key; EventSource cannot. Reconnects by itself. */
import { EventSourceParserStream, type EventSourceMessage } from "eventsource-parser/stream";
import { authorization } from "./key";
import { ProblemError, refusal, unreachable } from "./problem";

/** The server breaks every silence of 15 s; after three of them nobody is there. */
const SILENCE_MS = 45_000;
const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 5_000;

export interface StreamEvents {
  onEvent: (event: EventSourceMessage) => void;
  /** Everything is told from here on: since the last event, or since now where there was none. */
  onOpen?: () => void;
  /** No more, until it is open again; every failed try says why. */
  onLost?: (why: ProblemError) => void;
}

/** Follow `path` until it ends for good (204) or the returned function is called. */
export function follow(path: string, { onEvent, onOpen, onLost }: StreamEvents): () => void {
  const stopped = new AbortController();
  const isStopped = () => stopped.signal.aborted;
  void run();
  return () => stopped.abort();

  async function run(): Promise<void> {
    let last: string | undefined;
    let wait = FIRST_WAIT_MS;
    while (!isStopped()) {
      try {
        const isOver = await once(last, (event) => {
          last = event.id ?? last;
          wait = FIRST_WAIT_MS;
          onEvent(event);
        });
        if (isOver) return;
      } catch (error) {
        if (isStopped()) return;
        const why = error instanceof ProblemError ? error : unreachable();
        onLost?.(why);
        wait = Math.max(wait, why.waitMs ?? 0);
      }
      await sleep(wait, stopped.signal);
      wait = Math.min(wait * 2, LONGEST_WAIT_MS);
    }
  }

  async function once(
    last: string | undefined,
    tell: (event: EventSourceMessage) => void,
  ): Promise<boolean> {
    const silence = new AbortController();
    let timer = setTimeout(() => silence.abort(), SILENCE_MS);
    const heard = () => {
      clearTimeout(timer);
      timer = setTimeout(() => silence.abort(), SILENCE_MS);
    };
    try {
      const response = await fetch(path, {
        headers: {
          Accept: "text/event-stream",
          ...authorization(),
          ...(last === undefined ? {} : { "Last-Event-ID": last }),
        },
        signal: AbortSignal.any([stopped.signal, silence.signal]),
        priority: "low", // what is shown comes first; and who waits for the page does not wait for its stream to end
      });
      if (response.status === 204 || response.status === 404) return true;
      if (!response.ok || !response.body) throw await refusal(response);
      onOpen?.();
      const events = response.body
        .pipeThrough(
          new TextDecoderStream() as ReadableWritablePair<string, Uint8Array<ArrayBuffer>>,
        )
        .pipeThrough(new EventSourceParserStream({ onComment: heard }));
      const reader = events.getReader();
      for (;;) {
        const { done, value } = await reader.read();
        if (done) return false;
        heard();
        tell(value);
      }
    } finally {
      clearTimeout(timer);
    }
  }
}

function sleep(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener("abort", () => {
      clearTimeout(timer);
      resolve();
    });
  });
}
