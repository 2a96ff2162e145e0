"""A checkpoint as it lies on this machine's disk."""

from dataclasses import dataclass
from pathlib import Path

from domain.checkpoint import CheckpointSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class Component:
    """One part of a checkpoint, such as `transformer_2`.

    Attributes:
        weight_bytes: exact sum over its safetensors headers; 0 for parts without weights.
        dtypes: the tensor types on disk, safetensors names (`BF16`, `F32`, …).
    """

    name: str
    weight_bytes: int
    dtypes: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalCheckpoint:
    """A whole, safe, readable folder in diffusers' layout."""

    spec: CheckpointSpec
    folder: Path
    components: tuple[Component, ...]

    @property
    def weight_bytes(self) -> int:
        return sum(component.weight_bytes for component in self.components)
