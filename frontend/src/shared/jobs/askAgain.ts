import type { QueryClient, QueryKey } from "@tanstack/react-query";

/** A flood of events asks no more often than this. */
const PAUSE_MS = 200;

/**
 * Ask anew for what changed: at once, and when more has changed until the answer is there, once more
 * after it.
 */
export function askAgain(client: QueryClient): (...keys: QueryKey[]) => void {
  const asked = new Map<string, "once" | "again">();
  return (...keys) => {
    for (const key of keys) {
      const name = JSON.stringify(key);
      if (asked.has(name)) asked.set(name, "again");
      else void ask(name, key);
    }
  };

  async function ask(name: string, queryKey: QueryKey): Promise<void> {
    do {
      asked.set(name, "once");
      const pause = new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
      await Promise.all([client.invalidateQueries({ queryKey }), pause]);
    } while (asked.get(name) === "again");
    asked.delete(name);
  }
}
