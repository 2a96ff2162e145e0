import { ArrowLeft, Copy, Download, ImagePlus, Trash2, TriangleAlert, Undo2 } from "lucide-react";
import { useCallback, useRef, useState } from "react";
import { Link, useLocation } from "wouter";
import { sentence, useMedia, videoPath, type Generation } from "@/shared/api";
import { changeDraft, draftOf, draftStore, takePicture } from "@/shared/draft";
import { useGeneration } from "@/shared/jobs";
import { bytes, duration, fullMoment, percent } from "@/shared/lib/format";
import { Button, Facts, Notice, Panel, Skeleton, tell, tellProblem } from "@/shared/ui";
import { useDelete, useOutput, useRestore } from "./library";
import { Player } from "./Player";
import styles from "./OutputView.module.css";

/** One video: the player, what can be made of it, and everything that made it. */
export function OutputView({ id }: { id: string }) {
  const { data: video, error: unknown } = useGeneration(id);
  const { data: output, error: gone } = useOutput(video?.status === "completed" ? id : null);
  const error = unknown ?? gone;
  return (
    <>
      <Link href="/outputs" className={styles.back}>
        <ArrowLeft aria-hidden="true" /> All outputs
      </Link>
      <h1 className="visually-hidden">{video?.request.prompt ?? "Output"}</h1>
      {video && output ? (
        <Shown video={video} deletedAt={output.deleted_at} />
      ) : video && video.status !== "completed" ? (
        <Notice tone="warn" icon={<TriangleAlert />}>
          There is no video yet: it is {video.status}. <Link href="/queue">Show the queue</Link>
        </Notice>
      ) : error ? (
        <Notice tone="bad" icon={<TriangleAlert />}>
          {sentence(error)}
        </Notice>
      ) : (
        <Skeleton height="30rem" />
      )}
    </>
  );
}

function Shown({ video, deletedAt }: { video: Generation; deletedAt: string | null }) {
  const element = useRef<HTMLVideoElement | null>(null);
  const [, navigate] = useLocation();
  const [isTaking, setTaking] = useState(false);
  const source = useMedia(deletedAt === null ? videoPath(video.id) : null);
  const deleting = useDelete();
  const restoring = useRestore();
  const hold = useCallback((held: HTMLVideoElement | null) => {
    element.current = held;
  }, []);
  const again = () => {
    draftStore.set(draftOf(video.request));
    navigate("/");
  };
  const takeFrame = async () => {
    if (!element.current) return;
    setTaking(true);
    try {
      await takePicture("image", await frameOf(element.current));
      changeDraft({ lastImage: null });
      tell("The frame is the first image of the next video.");
      navigate("/");
    } catch (error) {
      tellProblem(error);
    } finally {
      setTaking(false);
    }
  };
  return (
    <div className={styles.view}>
      <div className={styles.stage}>
        {deletedAt === null ? (
          <Player videos={[video]} onFrame={hold} />
        ) : (
          <Notice tone="warn" icon={<Trash2 />}>
            The video was deleted {fullMoment(deletedAt)}.
          </Notice>
        )}
        {video.notices.map((notice) => (
          <Notice key={notice} tone="warn" icon={<TriangleAlert />}>
            {notice}
          </Notice>
        ))}
        <div className={styles.actions}>
          <Button look="primary" onClick={again}>
            <Copy aria-hidden="true" /> Use these settings again
          </Button>
          {deletedAt === null && (
            <Button disabled={isTaking} onClick={() => void takeFrame()}>
              <ImagePlus aria-hidden="true" /> Use this frame as first image
            </Button>
          )}
          {source && (
            <a className={styles.download} href={source} download={`${video.id}.mp4`}>
              <Download aria-hidden="true" /> Download
            </a>
          )}
          {deletedAt === null ? (
            <Button disabled={deleting.isPending} onClick={() => deleting.mutate([video.id])}>
              <Trash2 aria-hidden="true" /> Delete
            </Button>
          ) : (
            <Button disabled={restoring.isPending} onClick={() => restoring.mutate([video.id])}>
              <Undo2 aria-hidden="true" /> Restore
            </Button>
          )}
        </div>
      </div>
      <Recipe video={video} />
    </div>
  );
}

function Recipe({ video }: { video: Generation }) {
  const { request } = video;
  const file = video.video;
  const took = video.measured
    ? Object.values(video.measured.seconds).reduce((sum, seconds) => sum + seconds, 0)
    : null;
  return (
    <Panel title="How it was made">
      <div className={styles.recipe}>
        <p className={styles.prompt}>{request.prompt}</p>
        {request.negative_prompt && (
          <p className={styles.negative}>Not: {request.negative_prompt}</p>
        )}
        <Facts
          facts={[
            ["Checkpoint", request.checkpoint],
            ["Size", `${request.width} × ${request.height}`],
            [
              "Length",
              `${request.num_frames} frames · ${duration(request.num_frames / request.fps)}`,
            ],
            ["Steps", request.steps],
            ["Guidance", `${request.guidance_high_noise} / ${request.guidance_low_noise}`],
            ["Flow shift", request.flow_shift],
            ["Noise schedule", request.scheduler],
            ["Seed", request.seed],
            ...(request.guidance_until != null
              ? [["Guidance until", percent(request.guidance_until)] as const]
              : []),
            ...(request.step_cache != null ? [["Step cache", request.step_cache] as const] : []),
            ...(request.loras_from != null
              ? [["LoRAs from", percent(request.loras_from)] as const]
              : []),
            ...request.loras.map(
              (lora) =>
                [
                  `LoRA ${lora.name}`,
                  `${lora.strength_high_noise} / ${lora.strength_low_noise}`,
                ] as const,
            ),
            ...(request.image
              ? [
                  [
                    "Begins with",
                    request.last_image ? "an image, and ends with one" : "an image",
                  ] as const,
                ]
              : []),
            ...(video.finished_at ? [["Made", fullMoment(video.finished_at)] as const] : []),
            ...(took !== null ? [["Took", duration(took)] as const] : []),
            ...(video.measured?.host_bytes != null
              ? [["Host memory at the peak", bytes(video.measured.host_bytes)] as const]
              : []),
            ...(video.measured?.accelerator_bytes != null
              ? [
                  [
                    "Accelerator memory at the peak",
                    bytes(video.measured.accelerator_bytes),
                  ] as const,
                ]
              : []),
            ...(video.measured?.joules != null
              ? [["Energy", `${(video.measured.joules / 3600).toFixed(1)} Wh`] as const]
              : []),
            ...(file ? [["File", `${bytes(file.size_bytes)}, ${file.codec}`] as const] : []),
            ...(video.retry_of
              ? [
                  [
                    "Asked for again",
                    <Link key="of" href={`/outputs/${video.retry_of}`}>
                      the one before
                    </Link>,
                  ] as const,
                ]
              : []),
          ]}
        />
        {file && (
          <p className={styles.hash}>
            SHA-256 <code>{file.sha256}</code>
          </p>
        )}
      </div>
    </Panel>
  );
}

async function frameOf(element: HTMLVideoElement): Promise<Blob> {
  const canvas = document.createElement("canvas");
  canvas.width = element.videoWidth;
  canvas.height = element.videoHeight;
  canvas.getContext("2d")?.drawImage(element, 0, 0);
  return new Promise((resolve, reject) =>
    canvas.toBlob(
      (blob) => (blob ? resolve(blob) : reject(new Error("The browser could not take the frame."))),
      "image/png",
    ),
  );
}
