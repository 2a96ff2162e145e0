"""What weights that somebody put on the disk are, as far as headers and configuration tell.

The two experts of a pair have the same form: only a name tells one from the other. Wan2.1's T2V-14B and
an expert of T2V-A14B have the same form, too.

Source of the forms: the configurations in diffusers' `scripts/convert_wan_to_diffusers.py`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

from domain.checkpoint import CHECKPOINTS
from domain.known_structures import STRUCTURES
from domain.store_errors import WeightsUnrecognised

#: What ComfyUI may put before every name.
COMFYUI_PREFIX: Final = "model.diffusion_model."
#: In scaled fp8, `X.weight` is to be multiplied by what lies at `X` and one of these. Source: ComfyUI
#: `comfy/ops.py`, and `QUANTIZATION.md` for the newer one.
SCALE_SUFFIXES: Final = (".scale_weight", ".weight_scale")
_NOTES: Final = (*SCALE_SUFFIXES, ".scale_input", ".input_scale", ".comfy_quant", "scaled_fp8")


def is_weight(name: str) -> bool:
    """Whether the tensor of that name is a weight, and not a note on how others are kept."""
    return not name.endswith(_NOTES)


def scale_names(name: str) -> tuple[str, ...]:
    """Where the scale of the weight of that name may lie."""
    return tuple(name.removesuffix(".weight") + suffix for suffix in SCALE_SUFFIXES)


class Branch(StrEnum):
    """What a transformer may have beside its blocks."""

    IMAGE = "a CLIP image branch"
    VACE = "VACE blocks"
    MOTION = "a motion encoder"


@dataclass(frozen=True, slots=True, kw_only=True)
class TransformerForm:
    """What decides which checkpoint a transformer can belong to.

    Attributes:
        in_channels: what it reads: latents, and where images are masked in, mask and image latents.
        out_channels: latent channels it writes.
        dim: width of its tokens.
        blocks: how many it has.
    """

    in_channels: int
    out_channels: int
    dim: int
    blocks: int
    branches: frozenset[Branch] = frozenset()

    def __str__(self) -> str:
        told = (
            f"{self.blocks} blocks of {self.dim}, {self.in_channels} channels in, "
            f"{self.out_channels} out"
        )
        return " and ".join((told, *sorted(self.branches)))


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundFolder:
    """A folder in diffusers' layout.

    Attributes:
        files: names of what a pipeline needs of it, with slashes; other files are not looked at.
        form: of its transformers; None where it has none.
        experts: how many transformers its index names.
        latent_channels: of its VAE; None where it has none.
    """

    folder: Path
    files: tuple[str, ...]
    form: TransformerForm | None
    experts: int
    latent_channels: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundParts:
    """What goes with a transformer, in a folder in diffusers' layout: encoders, VAE, scheduler.

    Attributes:
        files: their names, with slashes.
    """

    folder: Path
    files: tuple[str, ...]
    latent_channels: int


class Naming(StrEnum):
    """Whose names the tensors of a file bear."""

    OFFICIAL = "Wan's own naming"
    COMFYUI = "ComfyUI's naming"
    DIFFUSERS = "diffusers' naming"


class Precision(StrEnum):
    """How the numbers of a file are kept. Scaled: each tensor by a factor that lies beside it.

    GGUF: by types of its own, block by block.
    """

    FP32 = "fp32"
    FP16 = "fp16"
    BF16 = "bf16"
    FP8 = "fp8"
    FP8_SCALED = "scaled fp8"
    GGUF = "GGUF"


class Expert(StrEnum):
    """Which end of the noise schedule a transformer works at."""

    HIGH_NOISE = "high noise"
    LOW_NOISE = "low noise"


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundTensor:
    """Where a tensor lies, from byte `start`, and how: `dtype` as its format names it, such as `BF16`."""

    file: Path
    start: int
    size_bytes: int
    dtype: str
    shape: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundPart:
    """A part with weights, of a folder in diffusers' layout.

    Attributes:
        name: such as `transformer_2`.
        tensors: by their names, of all of its files.
        files: the names of those that hold the weights, or list them, below the checkpoint's folder.
    """

    name: str
    tensors: Mapping[str, FoundTensor]
    files: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundTransformer:
    """One transformer outside of diffusers' layout.

    Attributes:
        path: as it was named: a file, or the folder of its shards.
        tensors: by their names in the files, notes on how others are kept among them.
        expert: as `path` or the header says; None where neither does.
        types: of a GGUF file's numbers, the one that takes most bytes first; empty of any other file.
    """

    path: Path
    tensors: Mapping[str, FoundTensor]
    form: TransformerForm
    naming: Naming
    precision: Precision
    expert: Expert | None
    types: tuple[str, ...] = ()

    @property
    def is_used_as_it_lies(self) -> bool:
        """Whether it is linked, not converted: what is quantised gains nothing by being undone."""
        return self.precision is Precision.GGUF

    def __str__(self) -> str:
        kept = f"{self.precision} {self.types[0]}" if self.types else self.precision
        return f"{self.path} ({self.form}; {kept}, {self.naming})"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Family:
    in_channels: int
    out_channels: int
    experts: int
    branches: frozenset[Branch] = frozenset()


_FAMILIES: Final[Mapping[str, _Family]] = {
    "t2v-A14B": _Family(in_channels=16, out_channels=16, experts=2),
    "i2v-A14B": _Family(in_channels=36, out_channels=16, experts=2),
    "ti2v-5B": _Family(in_channels=48, out_channels=48, experts=1),
    "t2v-1.3B": _Family(in_channels=16, out_channels=16, experts=1),
    "vace-14B": _Family(
        in_channels=16, out_channels=16, experts=1, branches=frozenset({Branch.VACE})
    ),
    "animate-14B": _Family(
        in_channels=36,
        out_channels=16,
        experts=1,
        branches=frozenset({Branch.IMAGE, Branch.MOTION}),
    ),
}
#: Width of a 14B transformer.
_DIM_14B: Final = 5120


def checkpoint_of(form: TransformerForm, *, experts: int) -> str:
    """The id of the checkpoint that such transformers, so many of them, belong to.

    Raises:
        WeightsUnrecognised: none that this version runs; the message says what they are.
    """
    fitting = [
        checkpoint_id
        for checkpoint_id, family in _FAMILIES.items()
        if (family.in_channels, family.out_channels, family.branches)
        == (form.in_channels, form.out_channels, form.branches)
    ]
    if not fitting:
        raise WeightsUnrecognised(f"No checkpoint of Wan2.2 has a transformer of {form}.")
    exact = [name for name in fitting if _FAMILIES[name].experts == experts]
    if not exact or (exact == ["t2v-1.3B"] and form.dim >= _DIM_14B):
        raise WeightsUnrecognised(_wrong_number(form, fitting, experts))
    if exact[0] not in {spec.id for spec in CHECKPOINTS}:
        raise WeightsUnrecognised(
            f"A transformer of {form} is {exact[0]}, which this version does not run."
        )
    return exact[0]


def refuse_mismatch(checkpoint_id: str, form: TransformerForm, *, experts: int, what: str) -> None:
    """Do nothing where such transformers can be the ones of that checkpoint.

    Args:
        what: the files, in words, for the message.

    Raises:
        WeightsUnrecognised: they cannot; the message says by what.
    """
    if checkpoint_id not in _FAMILIES:
        raise WeightsUnrecognised(
            f"{checkpoint_id} ships with Wan Studio and stays: no other files become it."
        )
    found = checkpoint_of(form, experts=experts)
    if found != checkpoint_id:
        raise WeightsUnrecognised(
            f"{what} is not {checkpoint_id} but {found}: {_counted(experts)} of {form}."
        )


def refuse_other_size(checkpoint_id: str, form: TransformerForm, *, what: str) -> None:
    """Do nothing where the transformers are as large as that checkpoint's.

    Args:
        what: the files, in words, for the message.

    Raises:
        WeightsUnrecognised: they are not; the message says how they are used all the same.
    """
    its_own = STRUCTURES[checkpoint_id].transformer
    if (form.blocks, form.dim) != (its_own.layers, its_own.width):
        raise WeightsUnrecognised(
            f"{what} is of the form of {checkpoint_id} and not of its size: {form.blocks} blocks of {form.dim}, "
            f"where that has {its_own.layers} of {its_own.width}. To use it as such: --as {checkpoint_id}."
        )


def _wrong_number(form: TransformerForm, fitting: list[str], experts: int) -> str:
    pair = next((name for name in fitting if _FAMILIES[name].experts == 2), None)
    if experts == 1 and pair:
        other = " It may as well be Wan2.1's T2V-14B, which this version does not run."
        note = other if pair == "t2v-A14B" else ""
        return f"One transformer of {form} is half of {pair}: name the files of both of its experts.{note}"
    return f"{_counted(experts).capitalize()} of {form} make no checkpoint; {fitting[0]} has one."


def _counted(experts: int) -> str:
    return "one transformer" if experts == 1 else f"{experts} transformers"
