import { useRef } from "react";
import { Link } from "wouter";
import { useMedia, videoPath, type Generation } from "@/shared/api";
import { classes, duration, moment } from "@/shared/lib/format";
import styles from "./Grid.module.css";

/** One video; it plays while one rests on it. */
export function Card({
  video,
  isChosen,
  onChoose,
}: {
  video: Generation;
  isChosen: boolean;
  onChoose: () => void;
}) {
  const player = useRef<HTMLVideoElement>(null);
  const source = useMedia(videoPath(video.id));
  const { request } = video;
  const play = () => void player.current?.play().catch(() => undefined); // left before it began
  const rest = () => player.current?.pause();
  return (
    <article
      className={classes(styles.card, isChosen && styles.isChosen)}
      onPointerEnter={play}
      onPointerLeave={rest}
      onFocus={play}
      onBlur={rest}
    >
      <div className={styles.picture}>
        {source && (
          <video
            ref={player}
            src={source}
            preload="metadata"
            muted
            loop
            playsInline
            tabIndex={-1}
          />
        )}
        {video.video && <span className={styles.length}>{duration(video.video.duration_s)}</span>}
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
