/** Addresses for <img> and <video>: the server's own, or of what was fetched from it. */
import { useEffect, useState } from "react";
import { useStore } from "@/shared/lib/store";
import { authorization, keyStore } from "./key";
import { refusal } from "./problem";

export const videoPath = (id: string) => `/api/v1/outputs/${id}/video`;
export const thumbnailPath = (id: string) => `/api/v1/outputs/${id}/thumbnail`;
export const spritesheetPath = (id: string) => `/api/v1/outputs/${id}/spritesheet`;

/** null while it is fetched: an element cannot send a key, so with one the whole file comes first. */
export function useMedia(path: string | null): string | null {
  const key = useStore(keyStore);
  const fetched = useFetched(key === null ? null : path, key);
  return key === null ? path : fetched;
}

/** What lies at `path`, fetched anew for each `version`; the one before stays until then. */
export function useFetched(path: string | null, version: unknown): string | null {
  const [fetched, setFetched] = useState<{ path: string; url: string } | null>(null);
  useEffect(() => {
    if (path === null) return;
    const stopped = new AbortController();
    void fetch(path, { headers: authorization(), signal: stopped.signal })
      .then(async (response) => {
        if (!response.ok) throw await refusal(response);
        setFetched({ path, url: URL.createObjectURL(await response.blob()) });
      })
      .catch(() => undefined); // what cannot be fetched is not shown; the queries say why
    return () => stopped.abort();
  }, [path, version]);
  useEffect(() => {
    if (fetched) return () => URL.revokeObjectURL(fetched.url);
  }, [fetched]);
  return fetched !== null && fetched.path === path ? fetched.url : null;
}
