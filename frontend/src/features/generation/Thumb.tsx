import { useMemo } from "react";
import { thumbBlob, type Picture } from "@/shared/draft";
import { BlobImage } from "@/shared/ui";
import styles from "./Given.module.css";

/** What was kept of a picture, or of a video, for showing it. */
export function Thumb({ given, alt }: { given: Pick<Picture, "thumb">; alt: string }) {
  const blob = useMemo(() => (given.thumb ? thumbBlob(given.thumb) : null), [given.thumb]);
  if (!blob) return <div className={styles.unseen}>kept on the server</div>;
  return <BlobImage className={styles.thumb} blob={blob} alt={alt} />;
}
