import { ArrowLeft, Copy, Download, ImagePlus, Trash2, TriangleAlert, Undo2 } from "lucide-react";
import { useCallback, useRef, useState } from "react";
import { Link, useLocation } from "wouter";
import { useSearch } from "wouter/use-browser-location";
import { sentence, useMedia, videoPath, type Output } from "@/shared/api";
import { changeDraft, draftOf, draftStore, takePicture } from "@/shared/draft";
import { useGeneration } from "@/shared/jobs";
import { fullMoment } from "@/shared/lib/format";
import { Button, Notice, Skeleton, tell, tellProblem } from "@/shared/ui";
import { Favourite } from "./Favourite";
import { useJudge } from "./judging";
import { useDelete, useOutput, useRestore } from "./library";
import { Lineage } from "./Lineage";
import { Player } from "./Player";
import { Recipe } from "./Recipe";
import { Stars } from "./Stars";
import styles from "./OutputView.module.css";

/** One video: the player, what can be made of it, and everything that made it. */
export function OutputView({ id }: { id: string }) {
  const search = useSearch();
  const { data: generation, error: unknown } = useGeneration(id);
  // A generation that was deleted is not told any more, but its video can still be restored.
  const isOver = generation?.status === "completed" || unknown !== null;
  const { data: output, error } = useOutput(isOver ? id : null);
  return (
    <>
      <div className={styles.head}>
        <Link href={`/outputs${search}`} className={styles.back}>
          <ArrowLeft aria-hidden="true" /> All outputs
        </Link>
        {output?.deleted_at === null && <Judgement output={output} />}
      </div>
      <h1 className="visually-hidden">
        {output?.request.prompt ?? generation?.request.prompt ?? "Output"}
      </h1>
      {output ? (
        <Shown output={output} notices={generation?.notices ?? []} />
      ) : generation && generation.status !== "completed" ? (
        <Notice tone="warn" icon={<TriangleAlert />}>
          There is no video yet: it is {generation.status}.{" "}
          <Link href="/queue">Show the queue</Link>
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

/** What its owner thinks of it. */
function Judgement({ output }: { output: Output }) {
  const { mutate: judge } = useJudge();
  return (
    <div className={styles.judgement}>
      <Stars
        label="Stars"
        value={output.rating}
        onValue={(rating) => judge({ video: output, judgement: { rating } })}
      />
      <Favourite
        of={output.request.prompt}
        value={output.favourite}
        onValue={(favourite) => judge({ video: output, judgement: { favourite } })}
      />
    </div>
  );
}

function Shown({ output, notices }: { output: Output; notices: readonly string[] }) {
  const element = useRef<HTMLVideoElement | null>(null);
  const hold = useCallback((held: HTMLVideoElement | null) => {
    element.current = held;
  }, []);
  const { id, deleted_at: deletedAt } = output;
  return (
    <div className={styles.view}>
      <div className={styles.stage}>
        {deletedAt === null ? (
          <Player videos={[output]} onFrame={hold} />
        ) : (
          <Notice tone="warn" icon={<Trash2 />}>
            The video was deleted {fullMoment(deletedAt)}. It can be restored until it is gone for
            good.
          </Notice>
        )}
        {notices.map((notice) => (
          <Notice key={notice} tone="warn" icon={<TriangleAlert />}>
            {notice}
          </Notice>
        ))}
        <div className={styles.actions}>
          <Actions output={output} frame={() => element.current} />
        </div>
        <Lineage key={id} output={output} />
      </div>
      <Recipe video={output} />
    </div>
  );
}

function Actions({
  output,
  frame,
}: {
  output: Output;
  /** The element that shows the frame of the moment. */
  frame: () => HTMLVideoElement | null;
}) {
  const { id, request, deleted_at: deletedAt } = output;
  const [, navigate] = useLocation();
  const [isTaking, setTaking] = useState(false);
  const source = useMedia(deletedAt === null ? videoPath(id) : null);
  const deleting = useDelete();
  const restoring = useRestore();
  const again = () => {
    draftStore.set(draftOf(request));
    navigate("/");
  };
  const takeFrame = async () => {
    const shown = frame();
    if (!shown) return;
    setTaking(true);
    try {
      await takePicture("image", await pictureOf(shown), { frameOf: id });
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
    <>
      <Button look="primary" onClick={again}>
        <Copy aria-hidden="true" /> Use these settings again
      </Button>
      {deletedAt === null && (
        <Button disabled={isTaking} onClick={() => void takeFrame()}>
          <ImagePlus aria-hidden="true" /> Use this frame as first image
        </Button>
      )}
      {source && (
        <a className={styles.download} href={source} download={`${id}.mp4`}>
          <Download aria-hidden="true" /> Download
        </a>
      )}
      {deletedAt === null ? (
        <Button disabled={deleting.isPending} onClick={() => deleting.mutate([id])}>
          <Trash2 aria-hidden="true" /> Delete
        </Button>
      ) : (
        <Button disabled={restoring.isPending} onClick={() => restoring.mutate([id])}>
          <Undo2 aria-hidden="true" /> Restore
        </Button>
      )}
    </>
  );
}

async function pictureOf(element: HTMLVideoElement): Promise<Blob> {
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
