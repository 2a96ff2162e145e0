"""Which checkpoints there are, what state each is in, and where it came from."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from domain.errors import CheckpointBroken
from domain.local_checkpoint import LocalCheckpoint
from domain.ports.checkpoint_catalog import CatalogEntry, CheckpointCatalog
from domain.ports.checkpoint_store import CheckpointStore
from domain.repository import REPOSITORIES
from domain.stored_checkpoint import StoredCheckpoint, UnfinishedTransfer


class CheckpointState(StrEnum):
    """Whether a checkpoint can be used, in a word."""

    READY = "ready"
    BROKEN = "broken"
    UNFINISHED = "unfinished"
    ABSENT = "not here"


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckpointStatus:
    """One checkpoint there could be.

    Attributes:
        stored: what lies there; None where nothing does, or where that cannot be read.
        unfinished: a pull or a repair that was cut, or is under way.
    """

    entry: CatalogEntry
    state: CheckpointState
    stored: StoredCheckpoint | None
    unfinished: UnfinishedTransfer | None

    @property
    def local(self) -> LocalCheckpoint | None:
        return self.entry.local

    @property
    def advice(self) -> Sequence[str]:
        """What is odd about one that can be used, and what would make it better; empty where nothing is."""
        told = []
        if self.local and self.local.other_size:
            told.append(self.local.other_size)
        if self.local and self.local.recastable and self.stored and self.stored.is_convertible:
            are = "is" if len(self.local.recastable) == 1 else "are"
            told.append(
                f"{', '.join(self.local.recastable)} {are} stored in another precision than {are} run, and converted "
                "at each load for a GPU. Once, which takes less memory, time and disk: "
                f"wan models convert {self.entry.spec.id}"
            )
        return told

    @property
    def hint(self) -> str:
        """What to do about one that cannot be used; empty where nothing is to be done."""
        checkpoint_id = self.entry.spec.id
        is_lacking = self.state in {CheckpointState.ABSENT, CheckpointState.UNFINISHED}
        if is_lacking and checkpoint_id in REPOSITORIES:
            return f"wan models pull {checkpoint_id}"
        if self.state is CheckpointState.BROKEN:
            return f"wan models verify {checkpoint_id}"
        return ""


class ListCheckpoints:
    """Joins what can be used with what was put there."""

    def __init__(self, catalog: CheckpointCatalog, store: CheckpointStore) -> None:
        self._catalog = catalog
        self._store = store

    def execute(self) -> Sequence[CheckpointStatus]:
        """Every checkpoint Wan Studio knows, in its order."""
        return [self._status(entry) for entry in self._catalog.entries()]

    def _status(self, entry: CatalogEntry) -> CheckpointStatus:
        unfinished = self._store.unfinished(entry.spec.id)
        try:
            stored = self._store.stored(entry.spec.id)
            is_there = stored is not None
        except CheckpointBroken:
            stored, is_there = None, True
        if entry.local is not None:
            state = CheckpointState.READY
        elif is_there:
            state = CheckpointState.BROKEN
        else:
            state = CheckpointState.UNFINISHED if unfinished else CheckpointState.ABSENT
        return CheckpointStatus(entry=entry, state=state, stored=stored, unfinished=unfinished)
