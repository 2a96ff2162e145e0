/** Browser notices when a job has ended: optional, and only while nobody looks at the page. */
import { useEffect, useRef } from "react";
import { useGenerations } from "@/shared/jobs";
import { createKeptStore, useStore } from "@/shared/lib/store";
import icon from "./icon.svg";

const wanted = createKeptStore("wan.notices", false);
export { wanted as notices };

/** Returns why it could not be done, if so. */
export async function turnNotices(on: boolean): Promise<string | null> {
  if (on) {
    if (!("Notification" in window)) return "This browser shows no notices.";
    if ((await Notification.requestPermission()) !== "granted") {
      return "The browser does not let this page show notices; its site settings can change that.";
    }
  }
  wanted.set(on);
  return null;
}

export function useDoneNotices(): void {
  const isWanted = useStore(wanted);
  const { data } = useGenerations(["completed", "failed"]);
  const newest = data?.pages[0]?.data[0];
  const seen = useRef<string | null>(null);
  useEffect(() => {
    if (!newest) return;
    const isNews = seen.current !== null && seen.current !== newest.id;
    seen.current = newest.id;
    if (!isNews || !isWanted || !document.hidden || Notification.permission !== "granted") return;
    const title = newest.status === "completed" ? "The video is done" : "A video failed";
    new Notification(title, { body: newest.error?.detail ?? newest.request.prompt, icon });
  }, [newest, isWanted]);
}
