/** Browser notices when a job has ended: optional, and only while nobody looks at the page. */
import { answered, api, type Snapshot } from "@/shared/api";
import { createKeptStore } from "@/shared/lib/store";
import icon from "./icon.svg";

export const notices = createKeptStore("wan.notices", false);

/** Returns why it could not be done, if so. */
export async function turnNotices(on: boolean): Promise<string | null> {
  if (on) {
    if (!("Notification" in window)) return "This browser shows no notices.";
    if ((await Notification.requestPermission()) !== "granted") {
      return "The browser does not let this page show notices; its site settings can change that.";
    }
  }
  notices.set(on);
  return null;
}

/** Tell what has become of a job that is done or failed, where that is wanted. */
export async function showNotice({ generation, status, message }: Snapshot): Promise<void> {
  if (status !== "completed" && status !== "failed") return;
  if (!notices.get() || !document.hidden || !("Notification" in window)) return;
  if (Notification.permission !== "granted") return;
  const params = { path: { generation_id: generation } };
  const job = await answered(api.GET("/api/v1/generations/{generation_id}", { params })).catch(
    () => null, // then without its prompt
  );
  new Notification(status === "completed" ? "The video is done" : "A video failed", {
    body: job?.error?.detail ?? job?.request.prompt ?? message ?? "",
    icon,
    tag: generation, // one notice, however many tabs are open
  });
}
