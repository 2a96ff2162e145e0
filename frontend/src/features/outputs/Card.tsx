import { useState } from "react";
import { Link } from "wouter";
import { thumbnailPath, useMedia, videoPath, type Output } from "@/shared/api";
import { classes, duration, moment } from "@/shared/lib/format";
import styles from "./Grid.module.css";

/** One frame of a video; the video itself is fetched, and plays, while one rests on it. */
export function Card({
  video,
  isChosen,
  onChoose,
}: {
  video: Output;
  isChosen: boolean;
  onChoose: () => void;
}) {
  const [isPlaying, setPlaying] = useState(false);
  const thumbnail = useMedia(thumbnailPath(video.id));
  const source = useMedia(isPlaying ? videoPath(video.id) : null);
  const { request } = video;
  const play = () => setPlaying(true);
  const rest = () => setPlaying(false);
  return (
    <article
      className={classes(styles.card, isChosen && styles.isChosen)}
      onPointerEnter={play}
      onPointerLeave={rest}
      onFocus={play}
      onBlur={rest}
    >
      <div className={styles.picture}>
        {thumbnail && <img src={thumbnail} alt="" loading="lazy" decoding="async" />}
        {source && <video src={source} autoPlay muted loop playsInline tabIndex={-1} />}
        <span className={styles.length}>{duration(video.video.duration_s)}</span>
      </div>
      <div className={styles.caption}>
        <Link href={`/outputs/${video.id}`} className={styles.link}>
          {request.prompt}
        </Link>
        <p className={styles.facts}>
          {request.checkpoint} · {request.width} × {request.height}
          {video.finished_at && ` · ${moment(video.finished_at)}`}
        </p>
      </div>
      <label className={styles.choose}>
        <span className="visually-hidden">Compare: {request.prompt}</span>
        <input type="checkbox" checked={isChosen} onChange={onChoose} />
      </label>
    </article>
  );
}
