import { Download } from "lucide-react";
import { useState } from "react";
import { useModelWork, type Model } from "@/shared/api";
import { Button } from "@/shared/ui";
import { FetchDialog } from "./FetchDialog";

/** Whether a checkpoint's files are missing, all or some of them. */
export const isPullable = ({ state }: Model) => state === "not here" || state === "unfinished";

/** Brings a checkpoint here: how large it is is told first; what was cut goes on at once. */
export function FetchButton({ model }: { model: Model }) {
  const work = useModelWork();
  const [isOpen, setOpen] = useState(false);
  const pull = () => work.mutate({ id: model.id, work: "pull" });
  return (
    <>
      <Button
        size="sm"
        disabled={work.isPending}
        onClick={() => (model.unfinished ? pull() : setOpen(true))}
      >
        <Download aria-hidden="true" />
        {model.unfinished ? "Go on fetching" : "Fetch"}
      </Button>
      {isOpen && <FetchDialog id={model.id} onClose={() => setOpen(false)} onFetch={pull} />}
    </>
  );
}
