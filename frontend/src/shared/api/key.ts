/** The API key of this browser, where the server wants one. */
import { createKeptStore, createStore } from "@/shared/lib/store";

export const keyStore = createKeptStore<string | null>("wan.key", null);

/** Why the server wants a key, or another one than ours; null where it is content. */
export const keyWanted = createStore<string | null>(null);

/** How many keys were left, here or in another tab: what was shown with one is nobody else's. */
export const keysLeft = createStore(0);

let held = keyStore.get();
keyStore.subscribe(() => {
  const before = held;
  held = keyStore.get();
  if (held === before) return;
  keyWanted.set(null);
  if (before !== null) keysLeft.set(keysLeft.get() + 1);
});

export function keepKey(key: string): void {
  keyStore.set(key);
  keyWanted.set(null); // it may be the one before, which the server knows again
}

/** The headers that say who asks. */
export function authorization(): Record<string, string> {
  const key = keyStore.get();
  return key ? { Authorization: `Bearer ${key}` } : {};
}
