import { Undo2 } from "lucide-react";
import { memo } from "react";
import { Link } from "wouter";
import { spritesheetPath, thumbnailPath, useMedia, type Output } from "@/shared/api";
import { classes, duration, moment } from "@/shared/lib/format";
import { Favourite } from "./Favourite";
import type { Judgement } from "./judging";
import { frameStyle } from "./sheet";
import { Stars } from "./Stars";
import { useScrub } from "./useScrub";
import styles from "./Card.module.css";

export interface CardActions {
  onChoose: (id: string) => void;
  onJudge: (video: Output, judgement: Judgement) => void;
  onRestore: (id: string) => void;
}

/** One video of many: a frame, or the one under the pointer; what it is, and what its owner thinks of it. */
export const Card = memo(function Card({
  video,
  search,
  isChosen,
  onChoose,
  onJudge,
  onRestore,
}: CardActions & {
  video: Output;
  /** What the way back from the video leads to. */
  search: string;
  isChosen: boolean;
}) {
  const { request, deleted_at: deletedAt } = video;
  const { at, isWanted, handlers } = useScrub(video);
  const thumbnail = useMedia(thumbnailPath(video.id));
  const sheet = useMedia(isWanted ? spritesheetPath(video.id) : null);
  const count = video.spritesheet.frames.length;
  return (
    <article
      className={classes(
        styles.card,
        isChosen && styles.isChosen,
        deletedAt !== null && styles.isDeleted,
      )}
      {...handlers}
    >
      <div className={styles.picture}>
        {thumbnail && <img src={thumbnail} alt="" loading="lazy" decoding="async" />}
        {sheet && at !== null && (
          <>
            <div
              className={styles.frame}
              style={{ ...frameStyle(video.spritesheet, at), backgroundImage: `url("${sheet}")` }}
            />
            <div className={styles.line} style={{ width: `${((at + 1) / count) * 100}%` }} />
          </>
        )}
        <span className={styles.length}>{duration(video.video.duration_s)}</span>
      </div>
      <div className={styles.caption}>
        <Link href={`/outputs/${video.id}${search}`} className={styles.link}>
          {request.prompt}
        </Link>
        <p className={styles.facts}>
          <span>
            {deletedAt !== null
              ? `Deleted ${moment(deletedAt)}`
              : `${request.checkpoint} · ${request.width} × ${request.height}`}
          </span>
          {deletedAt === null && video.finished_at && <time>{moment(video.finished_at)}</time>}
        </p>
      </div>
      <label className={classes(styles.over, styles.choose)}>
        <span className="visually-hidden">Choose: {request.prompt}</span>
        <input type="checkbox" checked={isChosen} onChange={() => onChoose(video.id)} />
      </label>
      {deletedAt !== null ? (
        <button
          type="button"
          className={classes(styles.over, styles.restore)}
          aria-label={`Restore: ${request.prompt}`}
          onClick={() => onRestore(video.id)}
        >
          <Undo2 aria-hidden="true" /> Restore
        </button>
      ) : (
        <>
          <Favourite
            of={request.prompt}
            value={video.favourite}
            onValue={(favourite) => onJudge(video, { favourite })}
            className={classes(styles.over, styles.favourite, video.favourite && styles.stays)}
          />
          <Stars
            label={`Stars: ${request.prompt}`}
            value={video.rating}
            onValue={(rating) => onJudge(video, { rating })}
            className={classes(styles.over, styles.stars, video.rating > 0 && styles.stays)}
          />
        </>
      )}
    </article>
  );
});
