"""Checkpoints that are here because the test says so."""

from collections.abc import Sequence
from pathlib import Path

from domain.checkpoint import CHECKPOINTS, checkpoint_spec
from domain.errors import CheckpointMissing
from domain.local_checkpoint import Component, LocalCheckpoint
from domain.ports.checkpoint_catalog import CatalogEntry, CheckpointCatalog


class FakeCheckpointCatalog(CheckpointCatalog):
    """Only the checkpoints with the ids in `here` are here; their folders are never looked into."""

    def __init__(self, *here: str) -> None:
        self._here = here or tuple(spec.id for spec in CHECKPOINTS)

    def entries(self) -> Sequence[CatalogEntry]:
        return [
            CatalogEntry(spec=spec, local=self.find(spec.id), problem=None)
            if spec.id in self._here
            else CatalogEntry(spec=spec, local=None, problem="It is not here.")
            for spec in CHECKPOINTS
        ]

    def find(self, checkpoint_id: str) -> LocalCheckpoint:
        spec = checkpoint_spec(checkpoint_id)
        if spec.id not in self._here:
            raise CheckpointMissing
        parts = ("transformer", "transformer_2") if spec.has_two_experts else ("transformer",)
        return LocalCheckpoint(
            spec=spec,
            folder=Path("/checkpoints") / spec.id,
            components=tuple(
                Component(name=part, weight_bytes=1000, dtypes=("BF16",)) for part in parts
            ),
        )
