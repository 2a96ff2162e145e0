import { WifiOff } from "lucide-react";
import { ProblemError, sentence } from "@/shared/api";
import { lost, useLiveJobs } from "@/shared/jobs";
import { useStore } from "@/shared/lib/store";
import { Notice } from "@/shared/ui";
import { showNotice } from "./notifications";
import { reachable } from "./queryClient";
import styles from "./Connection.module.css";

/** Follows what happens on the server, and says so while it cannot. */
export function Connection() {
  useLiveJobs(showNotice);
  const why = useStore(lost);
  const isReachable = useStore(reachable) && !(why instanceof ProblemError && why.status === 0);
  if (isReachable && why === null) return null;
  return (
    <div className={styles.lost}>
      <Notice tone="warn" icon={<WifiOff />}>
        {isReachable
          ? `What happens is not told as it happens: ${sentence(why)} What you see may be some seconds old.`
          : "The server cannot be reached. Its jobs go on without this page; what you see is how it was."}{" "}
        Connecting again by itself…
      </Notice>
    </div>
  );
}
