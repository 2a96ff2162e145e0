"""Take a checkpoint away, after saying what that would free."""

import logging
from dataclasses import dataclass

from domain.errors import CheckpointMissing
from domain.ports.checkpoint_store import CheckpointStore
from domain.stored_checkpoint import Removal

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Removable:
    """What would go. `source`: where it came from, in words."""

    source: str
    size_bytes: int


class RemoveCheckpoint:
    """Removes what Wan Studio put there; `ask` first, to be able to say so."""

    def __init__(self, store: CheckpointStore) -> None:
        self._store = store

    def ask(self, checkpoint_id: str) -> Removable:
        """What would go.

        Raises:
            CheckpointMissing: there is nothing to remove.
            NotRemovable: it is not Wan Studio's to remove.
        """
        stored = self._store.stored(checkpoint_id)
        unfinished = self._store.unfinished(checkpoint_id)
        begun = unfinished.done_bytes if unfinished else 0
        if stored is not None:
            stored.refuse_removal()
            return Removable(source=stored.source, size_bytes=stored.own_bytes + begun)
        if unfinished is None:
            raise CheckpointMissing(f"{checkpoint_id} is not on this machine.")
        listing = unfinished.listing
        return Removable(source=f"an unfinished pull of {listing.repository}", size_bytes=begun)

    def execute(self, checkpoint_id: str) -> Removal:
        """Take it away.

        Raises:
            CheckpointMissing, NotRemovable: as `ask` does.
            CheckpointBusy: it is being fetched.
            StorageError: a file cannot be removed; what is left can be removed again.
        """
        removal = self._store.remove(checkpoint_id)
        _log.info(
            "checkpoint removed",
            extra={"checkpoint": checkpoint_id, "freed_bytes": removal.freed_bytes},
        )
        return removal
