/** A value that outlives its components, and tells them when it changes. */
import { useSyncExternalStore } from "react";

export interface Store<T> {
  get: () => T;
  set: (value: T) => void;
  subscribe: (listener: () => void) => () => void;
}

export function createStore<T>(initial: T): Store<T> {
  let current = initial;
  const listeners = new Set<() => void>();
  return {
    get: () => current,
    set(value) {
      current = value;
      for (const listener of listeners) listener();
    },
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}

/** The same, kept by the browser across reloads and shared with its other tabs. */
export function createKeptStore<T>(
  key: string,
  initial: T,
  read: (kept: unknown) => T = (kept) => kept as T,
): Store<T> {
  const parse = (text: string | null): T => {
    if (text === null) return initial;
    try {
      return read(JSON.parse(text));
    } catch {
      return initial; // what an earlier version kept, or somebody else
    }
  };
  const store = createStore(parse(localStorage.getItem(key)));
  addEventListener("storage", (event) => {
    if (event.key === key) store.set(parse(event.newValue));
  });
  return {
    ...store,
    set(value) {
      localStorage.setItem(key, JSON.stringify(value));
      store.set(value);
    },
  };
}

export function useStore<T>(store: Store<T>): T {
  return useSyncExternalStore(store.subscribe, store.get);
}
