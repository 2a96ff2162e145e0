/** What can be done with a job, wherever it is shown. */
import { useLocation } from "wouter";
import type { Generation } from "@/shared/api";
import { draftOf, draftStore } from "@/shared/draft";
import { useCancel, useRetry } from "@/shared/jobs";
import { tell } from "@/shared/ui";

export function useJobActions(job: Generation) {
  const cancel = useCancel();
  const retry = useRetry();
  const [, navigate] = useLocation();
  return {
    cancel: () => cancel.mutate(job.id),
    retry: () => retry.mutate(job.id, { onSuccess: () => tell("Queued again.") }),
    /** Its settings into the form, to be changed there and asked for as another. */
    edit: () => {
      draftStore.set(draftOf(job.request));
      navigate("/");
    },
    isCancelling: cancel.isPending || job.cancel_requested_at !== null,
    isRetrying: retry.isPending,
  };
}
