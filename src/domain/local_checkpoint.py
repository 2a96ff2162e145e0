"""A checkpoint as it lies on this machine's disk."""

from dataclasses import dataclass
from pathlib import Path

from domain.checkpoint import CheckpointSpec
from domain.structure import STRUCTURES, Precision, Structure


@dataclass(frozen=True, slots=True, kw_only=True)
class Component:
    """One part of a checkpoint, such as `transformer_2`.

    Attributes:
        weight_bytes: exact sum over its safetensors headers; 0 for parts without weights.
        dtypes: the tensor types on disk, safetensors names (`BF16`, `F32`, …).
        parameters: numbers in all of its tensors.
    """

    name: str
    weight_bytes: int
    dtypes: tuple[str, ...]
    parameters: int = 0

    @property
    def precision(self) -> Precision | None:
        """The precision it can be used in as it lies; None where it has to be converted."""
        if self.dtypes == ("F32",):
            return Precision.FP32
        # What is kept in fp32 beside bf16 is kept so in memory, too.
        return Precision.BF16 if set(self.dtypes) - {"F32"} == {"BF16"} else None


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalCheckpoint:
    """A whole, safe, readable folder in diffusers' layout.

    Attributes:
        structure: as its own files tell it; None where they hold something that is not known here.
    """

    spec: CheckpointSpec
    folder: Path
    components: tuple[Component, ...]
    structure: Structure | None = None

    @property
    def weight_bytes(self) -> int:
        return sum(component.weight_bytes for component in self.components)


def structure_of(spec: CheckpointSpec, local: LocalCheckpoint | None) -> Structure | None:
    """By its own files, where there are any; else by its id. None where neither is known."""
    if local is not None and local.structure is not None:
        return local.structure
    return STRUCTURES.get(spec.id)
