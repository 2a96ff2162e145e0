import { Pause, Play, Repeat, StepBack, StepForward } from "lucide-react";
import { useCallback, useEffect, useRef, useState, type KeyboardEvent } from "react";
import { useMedia, videoPath, type Generation } from "@/shared/api";
import { classes } from "@/shared/lib/format";
import { IconButton, Skeleton, Slider } from "@/shared/ui";
import { frameAt, secondsOf, stepped, type Footage } from "./frames";
import styles from "./Player.module.css";

const SPEEDS = [0.25, 0.5, 1, 2];

/** Of a generation or an output, what is needed to play it. */
type Watched = Pick<Generation, "id" | "request" | "video">;

const footageOf = ({ request, video }: Watched): Footage => ({
  fps: video?.fps ?? request.fps,
  frames: video?.num_frames ?? request.num_frames,
});

/**
 * Plays one video, or two beside each other, frame by frame: the first one leads, and the other shows
 * the same frame. Space plays, the arrow keys step, L loops.
 */
export function Player({
  videos,
  onFrame,
}: {
  videos: readonly Watched[];
  /** Called with the first video's element, to take a frame from. */
  onFrame?: (element: HTMLVideoElement | null) => void;
}) {
  const elements = useRef<(HTMLVideoElement | null)[]>([]);
  const [frame, setFrame] = useState(0);
  const [isPlaying, setPlaying] = useState(true);
  const [loops, setLoops] = useState(true);
  const [speed, setSpeed] = useState(1);
  const leader = videos[0];
  const footage = leader ? footageOf(leader) : { fps: 1, frames: 1 };
  const all = () => elements.current.filter((element) => element !== null);

  // The others are brought to the leader's frame whenever they are more than one away from it.
  useEffect(() => {
    let request = 0;
    const look = () => {
      const [first, ...others] = all();
      if (first) {
        const now = frameAt(first.currentTime, footage);
        setFrame(now);
        for (const other of others) {
          if (Math.abs(other.currentTime - first.currentTime) > 1 / footage.fps) {
            other.currentTime = first.currentTime;
          }
        }
      }
      request = requestAnimationFrame(look);
    };
    request = requestAnimationFrame(look);
    return () => cancelAnimationFrame(request);
  });

  useEffect(() => {
    for (const element of all()) {
      element.playbackRate = speed;
      element.loop = loops;
      if (isPlaying) void element.play().catch(() => setPlaying(false));
      else element.pause();
    }
  }, [isPlaying, speed, loops]);

  const show = (to: number) => {
    setPlaying(false);
    for (const element of all()) element.currentTime = secondsOf(to, footage);
    setFrame(to);
  };
  const step = (by: number) => show(stepped(frame, by, footage.frames, loops));
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.target instanceof HTMLElement && event.target.closest("select, [role=slider]"))
      return;
    const isOnButton = event.target instanceof HTMLButtonElement;
    if (event.key === " " && !isOnButton) setPlaying(!isPlaying);
    else if (event.key === "ArrowRight") step(1);
    else if (event.key === "ArrowLeft") step(-1);
    else if (event.key.toLowerCase() === "l") setLoops(!loops);
    else return;
    event.preventDefault();
  };
  const hold = useCallback(
    (index: number, element: HTMLVideoElement | null) => {
      elements.current[index] = element;
      if (index === 0) onFrame?.(element);
    },
    [onFrame],
  );
  return (
    <div className={styles.player} role="group" aria-label="Player" onKeyDown={onKeyDown}>
      <div className={classes(styles.screens, videos.length > 1 && styles.two)}>
        {videos.map((video, index) => (
          <Picture
            key={video.id}
            video={video}
            index={index}
            hold={hold}
            onToggle={() => setPlaying(!isPlaying)}
            onEnded={() => setPlaying(false)}
          />
        ))}
      </div>
      <div className={styles.controls}>
        <IconButton
          label={isPlaying ? "Pause" : "Play"}
          icon={isPlaying ? <Pause /> : <Play />}
          onClick={() => setPlaying(!isPlaying)}
        />
        <IconButton label="One frame back" icon={<StepBack />} onClick={() => step(-1)} />
        <IconButton label="One frame on" icon={<StepForward />} onClick={() => step(1)} />
        <Slider
          label="Frame"
          value={frame}
          min={0}
          max={footage.frames - 1}
          step={1}
          shown={`Frame ${frame + 1} of ${footage.frames}`}
          onValue={show}
        />
        <span className={classes(styles.frame, "numeric")}>
          {frame + 1} / {footage.frames}
        </span>
        <IconButton
          label="Loop"
          aria-pressed={loops}
          className={loops ? styles.on : undefined}
          icon={<Repeat />}
          onClick={() => setLoops(!loops)}
        />
        <select
          className={styles.speed}
          aria-label="Speed"
          value={speed}
          onChange={(event) => setSpeed(Number(event.target.value))}
        >
          {SPEEDS.map((value) => (
            <option key={value} value={value}>
              {value} ×
            </option>
          ))}
        </select>
      </div>
    </div>
  );
}

function Picture({
  video,
  index,
  hold,
  onToggle,
  onEnded,
}: {
  video: Watched;
  index: number;
  hold: (index: number, element: HTMLVideoElement | null) => void;
  onToggle: () => void;
  onEnded: () => void;
}) {
  const source = useMedia(videoPath(video.id));
  const keep = useCallback(
    (element: HTMLVideoElement | null) => hold(index, element),
    [hold, index],
  );
  if (!source) return <Skeleton height="16rem" />;
  return (
    <video
      ref={keep}
      className={styles.video}
      src={source}
      muted
      loop
      autoPlay
      playsInline
      aria-label={video.request.prompt}
      onClick={onToggle}
      onEnded={onEnded}
    />
  );
}
