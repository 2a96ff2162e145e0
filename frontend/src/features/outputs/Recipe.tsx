import type { Output } from "@/shared/api";
import { bytes, duration, fullMoment, percent } from "@/shared/lib/format";
import { Facts, Panel } from "@/shared/ui";
import styles from "./OutputView.module.css";

/** A value for high noise and one for low noise; once where they are the same. */
const pair = (high: number, low: number) => (high === low ? high : `${high} / ${low}`);

/** Everything that made a video, and what it took. */
export function Recipe({ video }: { video: Output }) {
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
            ["Guidance", pair(request.guidance_high_noise, request.guidance_low_noise)],
            ["Flow shift", request.flow_shift],
            ["Scheduler", request.scheduler],
            ["Seed", request.seed],
            ...(request.guidance_until != null
              ? [["Guidance until", percent(request.guidance_until)] as const]
              : []),
            ...(request.step_cache != null ? [["Step cache", request.step_cache] as const] : []),
            ...(request.loras_from != null
              ? [["LoRAs from", percent(request.loras_from)] as const]
              : []),
            ...(request.precision != null ? [["Precision", request.precision] as const] : []),
            ...request.loras.map(
              (lora) =>
                [
                  `LoRA ${lora.name}`,
                  pair(lora.strength_high_noise, lora.strength_low_noise),
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
            ["File", `${bytes(file.size_bytes)}, ${file.codec}`],
          ]}
        />
        <p className={styles.hash}>
          SHA-256 <code>{file.sha256}</code>
        </p>
      </div>
    </Panel>
  );
}
