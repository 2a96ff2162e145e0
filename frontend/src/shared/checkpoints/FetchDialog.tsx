import { sentence, useOffer, useSystem } from "@/shared/api";
import { bytes } from "@/shared/lib/format";
import { Button, Dialog, Prose, Skeleton } from "@/shared/ui";

/** How much a checkpoint is, and how much room there is for it, before it is fetched. */
export function FetchDialog({
  id,
  onFetch,
  onClose,
}: {
  id: string;
  onFetch: () => void;
  onClose: () => void;
}) {
  const { data: offer, error } = useOffer(id);
  const { data: system } = useSystem();
  const free = system?.free_disk_bytes ?? null;
  return (
    <Dialog
      title={`Fetch ${id}?`}
      onClose={onClose}
      foot={
        <>
          <Button onClick={onClose}>Not now</Button>
          <Button
            look="primary"
            disabled={!offer}
            onClick={() => {
              onFetch();
              onClose();
            }}
          >
            {offer ? `Fetch ${bytes(offer.size_bytes)}` : "Fetch it"}
          </Button>
        </>
      }
    >
      <div role="status">
        {error ? (
          <p>
            <Prose text={sentence(error)} />
          </p>
        ) : offer ? (
          <p>
            {offer.files} files, {bytes(offer.size_bytes)} in all, from {offer.repository} at{" "}
            {offer.revision.slice(0, 12)}
            {free !== null && `; ${bytes(free)} are free on the disk`}. What was cut goes on where
            it was, and nothing is used before every byte is proven.
            {free !== null && free < offer.size_bytes && " There is too little room for it now."}
          </p>
        ) : (
          <Skeleton height="3rem" />
        )}
      </div>
    </Dialog>
  );
}
