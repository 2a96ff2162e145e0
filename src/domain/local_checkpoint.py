"""A checkpoint as it lies on this machine's disk."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from domain.checkpoint import CheckpointSpec
from domain.known_structures import STRUCTURES
from domain.quantised_weights import QuantisedWeights
from domain.structure import Precision, Structure


@dataclass(frozen=True, slots=True, kw_only=True)
class Component:
    """One part of a checkpoint, such as `transformer_2`.

    Attributes:
        weight_bytes: exact sum over its files' headers; 0 for parts without weights.
        dtypes: the tensor types on disk, as their format names them (`BF16`, `Q4_K`, …).
        modules: numbers in the tensors of each of its modules, such as `encoder`.
        quantised: what of it a GGUF file keeps quantised; None where it is no such file.
    """

    name: str
    weight_bytes: int
    dtypes: tuple[str, ...]
    modules: Mapping[str, int] = field(default_factory=dict)
    quantised: QuantisedWeights | None = None

    @property
    def parameters(self) -> int:
        """Numbers in all of its tensors."""
        return sum(self.modules.values())

    @property
    def is_recastable(self) -> bool:
        """Whether it is converted each time it is loaded for an accelerator, and could be stored as it is run.

        The VAE is run in fp32, and what is quantised stays so.
        """
        if self.name == "vae" or self.quantised is not None:
            return False
        return self.precision is not Precision.BF16

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
        weights: of each part, as its manifest has it; see `Manifest.weights`. None without one.
    """

    spec: CheckpointSpec
    folder: Path
    components: tuple[Component, ...]
    structure: Structure | None = None
    weights: Mapping[str, str] | None = None

    @property
    def weight_bytes(self) -> int:
        return sum(component.weight_bytes for component in self.components)

    @property
    def other_size(self) -> str:
        """Its transformer's size and the published one's, in words; empty where they are equal, or not known."""
        published = STRUCTURES.get(self.spec.id)
        if published is None or self.structure is None:
            return ""
        here, there = self.structure.transformer, published.transformer
        if (here.layers, here.width) == (there.layers, there.width):
            return ""
        return (
            f"not of its full size: {here.layers} blocks of {here.width}, where the published one has "
            f"{there.layers} of {there.width}"
        )

    @property
    def recastable(self) -> tuple[str, ...]:
        """The names of its parts that could be stored as they are run."""
        return tuple(part.name for part in self.components if part.is_recastable)


def structure_of(spec: CheckpointSpec, local: LocalCheckpoint | None) -> Structure | None:
    """By its own files, where there are any; else by its id. None where neither is known."""
    if local is not None and local.structure is not None:
        return local.structure
    return STRUCTURES.get(spec.id)
