"""Store a checkpoint as it is run: its weights are converted once, where it lies, and not at each load."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass

from domain.checkpoint_manifest import Report
from domain.errors import CheckpointBroken, DiskFull
from domain.found_weights import FoundPart
from domain.ports.checkpoint_catalog import CheckpointCatalog
from domain.ports.checkpoint_store import Assembly, CheckpointStore
from domain.ports.weight_converter import WeightConverter
from domain.ports.weight_reader import WeightReader
from domain.sizes import gib
from domain.store_errors import NotConvertible, not_here
from domain.stored_checkpoint import StoredCheckpoint

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Recast:
    """A checkpoint that is stored as it is run now.

    Attributes:
        parts: those that were converted; none where it was stored so before.
        freed_bytes: what its files take less than before; negative where they take more.
    """

    stored: StoredCheckpoint
    parts: Sequence[str] = ()
    freed_bytes: int = 0


class RecastCheckpoint:
    """Of what Wan Studio fetched or converted; others' files it does not change (decision record 0063).

    Args:
        reserve_bytes: what must stay free on the disk, so that the rest of the program goes on.
    """

    def __init__(
        self,
        store: CheckpointStore,
        catalog: CheckpointCatalog,
        reader: WeightReader,
        converter: WeightConverter,
        *,
        reserve_bytes: int,
    ) -> None:
        self._store = store
        self._catalog = catalog
        self._reader = reader
        self._converter = converter
        self._reserve_bytes = reserve_bytes

    def execute(self, checkpoint_id: str, report: Report) -> Recast:
        """Convert its transformers and text encoder that are stored in another precision. Blocks, for minutes.

        Until the new files are whole, the checkpoint is what it was.

        Raises:
            UnknownCheckpoint: no checkpoint has that id.
            CheckpointMissing, CheckpointBroken: it is not here, or not whole; it is read before it is converted.
            NotConvertible: its files are not Wan Studio's, or weights of others lie among them.
            CheckpointBusy: it is worked on already.
            DiskFull: both do not fit on the disk; the message has the numbers.
            StorageError: it cannot be written; it is what it was.
        """
        before = self._found(checkpoint_id)
        before.refuse_conversion()
        with self._store.rework(checkpoint_id) as assembly:
            names = self._catalog.find(checkpoint_id).recastable
            if not names:
                return Recast(stored=before)
            parts = [self._reader.read_part(before.folder, name) for name in names]
            _refuse_strangers(before, parts)
            self._refuse_too_much(checkpoint_id, parts, assembly)
            self._refuse_faults(checkpoint_id, report)
            replaced = {name for part in parts for name in part.files}
            for file in before.promised.files:
                if file.name not in replaced:
                    assembly.take(file.name, before.folder / file.name)
            for part in parts:
                self._converter.recast(part, assembly.folder / part.name, report)
            assembly.publish(report, recast=names)
        after = self._found(checkpoint_id)
        freed = before.own_bytes - after.own_bytes
        _log.info(
            "recast", extra={"checkpoint": checkpoint_id, "parts": names, "freed_bytes": freed}
        )
        return Recast(stored=after, parts=names, freed_bytes=freed)

    def _found(self, checkpoint_id: str) -> StoredCheckpoint:
        stored = self._store.stored(checkpoint_id)
        if stored is None:
            raise not_here(checkpoint_id)
        return stored

    def _refuse_too_much(
        self, checkpoint_id: str, parts: Sequence[FoundPart], assembly: Assembly
    ) -> None:
        needed = sum(self._converter.recast_bytes(part) for part in parts)
        free = assembly.free_bytes()
        if needed + self._reserve_bytes > free:
            raise DiskFull(
                f"Beside its files, those that {checkpoint_id} is converted to need {gib(needed, up=True)} on this disk, "
                f"and {gib(self._reserve_bytes)} must stay free; {gib(free)} are free. Free some space first.",
                lacking_bytes=needed + self._reserve_bytes - free,
            )

    def _refuse_faults(self, checkpoint_id: str, report: Report) -> None:
        """A byte that went wrong on the disk would be right in the new manifest."""
        faults = self._store.verify(checkpoint_id, report)
        if faults:
            raise CheckpointBroken(
                f"{checkpoint_id} is not whole ({faults[0]}): nothing was converted. "
                f"`wan models verify {checkpoint_id}` says what helps."
            )


def _refuse_strangers(before: StoredCheckpoint, parts: Sequence[FoundPart]) -> None:
    """Weights that the manifest does not name would become the checkpoint's own, and be vouched for."""
    named = {file.name for file in before.promised.files}
    strange = [name for part in parts for name in part.files if name not in named]
    if strange:
        raise NotConvertible(
            f"{before.folder / strange[0]} is none of the files of {before.checkpoint_id}, and lies among its "
            "weights: nothing was converted. Move it elsewhere first."
        )
