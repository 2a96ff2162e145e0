"""Checkpoints that are here because the test says so."""

from collections.abc import Sequence
from pathlib import Path

from domain.checkpoint import CHECKPOINTS, checkpoint_spec
from domain.errors import CheckpointMissing
from domain.local_checkpoint import Component, LocalCheckpoint
from domain.ports.checkpoint_catalog import CatalogEntry, CheckpointCatalog
from domain.structure import Structure, TextEncoderStructure, TransformerStructure, VaeStructure


def a_structure(*, experts: int) -> Structure:
    """Small enough for any machine."""
    return Structure(
        transformer=TransformerStructure(
            layers=1,
            heads=1,
            head_width=4,
            ffn_width=8,
            in_channels=16,
            out_channels=16,
            text_width=4,
        ),
        experts=experts,
        text_encoder=TextEncoderStructure(
            layers=1, width=4, heads=1, head_width=4, ffn_width=8, vocabulary=16
        ),
        vae=VaeStructure(parameters=100, width=4, encoder_width=4),
    )


class FakeCheckpointCatalog(CheckpointCatalog):
    """Only the checkpoints with the ids in `here` are here; their folders are never looked into."""

    def __init__(self, *here: str) -> None:
        self._here = here or tuple(spec.id for spec in CHECKPOINTS)
        self.used: list[str] = []

    def remove(self, checkpoint_id: str) -> None:
        """From now on it is not here."""
        self._here = tuple(here for here in self._here if here != checkpoint_id)

    def note_use(self, checkpoint: LocalCheckpoint) -> None:
        self.used.append(checkpoint.spec.id)

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
            structure=a_structure(experts=len(parts)),
        )
