"""Read every byte of a checkpoint, and say what is wrong and what would mend it."""

from collections.abc import Sequence
from dataclasses import dataclass

from domain.checkpoint_manifest import FileFault, Manifest, Report
from domain.errors import CheckpointMissing, CheckpointUnavailable
from domain.ports.checkpoint_catalog import CheckpointCatalog
from domain.ports.checkpoint_store import CheckpointStore
from domain.store_errors import not_here
from domain.stored_checkpoint import Origin, StoredCheckpoint


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What was found. `remedy`: what to do about it; empty where nothing is wrong."""

    checkpoint_id: str
    files: int
    size_bytes: int
    faults: Sequence[FileFault] = ()
    remedy: str = ""


class VerifyCheckpoint:
    """Compares a checkpoint with its manifest; whole files may still be no such checkpoint."""

    def __init__(self, store: CheckpointStore, catalog: CheckpointCatalog) -> None:
        self._store = store
        self._catalog = catalog

    def check(self, checkpoint_id: str) -> Manifest:
        """Find that it can be tried, in milliseconds. Returns what its files should be.

        Raises:
            UnknownCheckpoint, CheckpointUnavailable: as `execute` does.
        """
        stored = self._store.stored(checkpoint_id)
        if stored is None:
            raise not_here(checkpoint_id)
        return stored.promised

    def execute(self, checkpoint_id: str, report: Report) -> Verdict:
        """What is wrong with it. Blocks for as long as its bytes take to read.

        Raises:
            CheckpointUnavailable: it is not here, or nothing says what its files should be; or they are what they
                should be, and cannot be used as this checkpoint.
        """
        faults = self._store.verify(checkpoint_id, report)
        if not faults:
            self._refuse_unusable(checkpoint_id)
        stored = self._store.stored(checkpoint_id)
        if stored is None:
            raise CheckpointMissing(f"{checkpoint_id} was removed while it was read.")
        return Verdict(
            checkpoint_id=checkpoint_id,
            files=len(stored.promised.files),
            size_bytes=stored.promised.size_bytes,
            faults=faults,
            remedy=_remedy(stored) if faults else "",
        )

    def _refuse_unusable(self, checkpoint_id: str) -> None:
        try:
            self._catalog.find(checkpoint_id)
        except CheckpointUnavailable as error:
            told = f"All files of {checkpoint_id} are as its manifest has them, and it cannot be used: {error.message}"
            raise type(error)(told) from error


def _remedy(stored: StoredCheckpoint) -> str:
    match stored.origin:
        case Origin.PULLED:
            return f"`wan models repair {stored.checkpoint_id}` fetches these files again."
        case Origin.EMBEDDED:
            return "Install Wan Studio again: these files came with it."
        case Origin.ADOPTED:
            return (
                f"Put what lies at {stored.source} right; if they were "
                f"meant to change, `wan models remove {stored.checkpoint_id}` and adopt them again."
            )
        case Origin.CONVERTED:
            return stored.remake
    return "Replace these files by good ones."
