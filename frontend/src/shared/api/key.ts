/** The API key of this browser, where the server wants one. */
import { createKeptStore, createStore } from "@/shared/lib/store";

const kept = createKeptStore<string | null>("wan.key", null);

/** Whether the server has refused us for want of a key that it knows. */
export const keyWanted = createStore(false);

export const storedKey = () => kept.get();

export function keepKey(key: string): void {
  kept.set(key);
  keyWanted.set(false);
}

export function forgetKey(): void {
  keyWanted.set(true);
}

export { kept as keyStore };
