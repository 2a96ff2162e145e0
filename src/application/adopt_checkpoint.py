"""Use a checkpoint where it lies: a folder in diffusers' layout elsewhere on this machine."""

import logging
from pathlib import Path

from domain.checkpoint import checkpoint_spec
from domain.checkpoint_manifest import Report
from domain.errors import CheckpointMissing
from domain.found_weights import checkpoint_of, refuse_mismatch, refuse_other_size
from domain.ports.checkpoint_store import CheckpointStore
from domain.ports.weight_reader import WeightReader
from domain.store_errors import WeightsUnrecognised
from domain.stored_checkpoint import StoredCheckpoint

_log = logging.getLogger(__name__)


class AdoptCheckpoint:
    """Links, never copies; which checkpoint it is, its files say themselves."""

    def __init__(self, store: CheckpointStore, reader: WeightReader) -> None:
        self._store = store
        self._reader = reader

    def execute(self, folder: Path, checkpoint_id: str | None, report: Report) -> StoredCheckpoint:
        """Make the folder the checkpoint it is. Blocks for as long as its bytes take to read, once.

        Args:
            checkpoint_id: what it is meant to be, whatever its size; None is what it is, at full size.

        Raises:
            UnknownCheckpoint: no checkpoint has that id.
            WeightsUnrecognised: it is none, or not that one; the message says what it is instead.
            CheckpointUnavailable: it is not whole.
            PlaceTaken: the checkpoint is here already.
        """
        found = self._reader.read_folder(folder)
        if found.form is None:
            raise WeightsUnrecognised(f"{folder} has no transformer.")
        if checkpoint_id is not None:
            refuse_mismatch(
                checkpoint_spec(checkpoint_id).id,
                found.form,
                experts=found.experts,
                what=str(folder),
            )
        is_one = checkpoint_of(found.form, experts=found.experts)
        if checkpoint_id is None:
            refuse_other_size(is_one, found.form, what=str(folder))
        with self._store.assemble(is_one) as assembly:
            for name in found.files:
                assembly.link(name, folder / name)
            assembly.publish(report, adopted_from=[str(folder)])
        _log.info("adopted", extra={"checkpoint": is_one, "folder": str(folder)})
        stored = self._store.stored(is_one)
        if stored is None:
            raise CheckpointMissing(f"{is_one} was removed as soon as it was here.")
        return stored
