import { FileDown } from "lucide-react";
import { useEffect, useRef, useState } from "react";
import { useLocation } from "wouter";
import { draftOf, draftStore, recipeIn, takePicture } from "@/shared/draft";
import { tell, tellProblem } from "@/shared/ui";
import styles from "./DropAnywhere.module.css";

/** Wherever a file is dropped or pasted: a video of ours brings its settings back, a picture begins one. */
export function DropAnywhere() {
  const [isOver, setOver] = useState(false);
  const depth = useRef(0);
  const [, navigate] = useLocation();
  useEffect(() => {
    async function take(file: File): Promise<void> {
      try {
        if (file.type.startsWith("video/")) {
          const before = draftStore.get();
          draftStore.set(draftOf(await recipeIn(file)));
          tell(`The settings of ${file.name} are back.`, {
            label: "Undo",
            run: () => draftStore.set(before),
          });
        } else await takePicture("image", file);
        navigate("/");
      } catch (error) {
        tellProblem(error);
      }
    }
    const hasFiles = (event: DragEvent) => event.dataTransfer?.types.includes("Files") ?? false;
    const listeners = {
      dragenter(event: DragEvent) {
        if (!hasFiles(event)) return;
        depth.current += 1;
        setOver(true);
      },
      dragleave(event: DragEvent) {
        if (!hasFiles(event)) return;
        depth.current -= 1;
        if (depth.current <= 0) setOver(false);
      },
      dragover(event: DragEvent) {
        if (hasFiles(event)) event.preventDefault();
      },
      drop(event: DragEvent) {
        depth.current = 0;
        setOver(false);
        const file = event.dataTransfer?.files[0];
        if (event.defaultPrevented || !file) return;
        event.preventDefault();
        void take(file);
      },
      paste(event: ClipboardEvent) {
        const file = event.clipboardData?.files[0];
        if (file) void take(file);
      },
    };
    for (const [name, listener] of Object.entries(listeners)) {
      addEventListener(name, listener as EventListener);
    }
    return () => {
      for (const [name, listener] of Object.entries(listeners)) {
        removeEventListener(name, listener as EventListener);
      }
    };
  }, [navigate]);
  if (!isOver) return null;
  return (
    <div className={styles.veil}>
      <div className={styles.told}>
        <FileDown aria-hidden="true" />
        Drop a picture to begin a video with it, or a video from Wan Studio to have its settings
        back
      </div>
    </div>
  );
}
