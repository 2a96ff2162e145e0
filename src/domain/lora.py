"""LoRAs: what a file of low-rank changes says of itself, how strongly it is used, and where it fits.

Knows nothing of tensors: the arithmetic is the pipeline's.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

from domain.checkpoint import CheckpointSpec
from domain.close_names import closest
from domain.errors import RenderError, Violation

#: More than anybody combines; each costs memory and a little of every step.
MAX_LORAS: Final = 8
#: LoRAs to name where none comes near.
_FEW: Final = 3
#: Strengths beyond this, either way, only make noise; a bound of ours.
MAX_STRENGTH: Final = 4.0
#: What a family's checkpoints are called by, and the length of the vector that one of its tokens is.
#: Source: the transformers' `config.json`, `num_attention_heads` x `attention_head_dim`.
FAMILIES: Final = {5120: "14B", 3072: "5B", 1536: "1.3B", 160: "mini"}


class LoraDoesNotFit(RenderError):
    """The LoRA does not fit the checkpoint's layers: it is made for another one, or not whole."""

    code = "lora-does-not-fit"


class Expert(StrEnum):
    """Which of two transformers. Where there is one network, it is the first."""

    HIGH_NOISE = "high_noise"
    LOW_NOISE = "low_noise"


@dataclass(frozen=True, slots=True, kw_only=True)
class LoraFile:
    """One safetensors file, as its header has it.

    Attributes:
        experts: whose transformers it changes.
        ranks: those that occur in it, rising.
        alphas: those that it tells, rising; a layer without one has its rank for it.
        widths: lengths of the tokens' vector that its layers take; more than one fits nothing.
        tensors: how many were understood.
        unknown: names of those that were not, and are left out.
        numbers: in all tensors that change each of its experts.
    """

    path: Path
    size_bytes: int
    experts: tuple[Expert, ...]
    ranks: tuple[int, ...]
    alphas: tuple[float, ...]
    widths: tuple[int, ...]
    tensors: int
    unknown: tuple[str, ...]
    numbers: Mapping[Expert, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Lora:
    """One file for all experts, or a pair of which each changes one.

    Attributes:
        name: what the files are called, without what tells the two of a pair apart.
    """

    name: str
    files: tuple[LoraFile, ...]

    @property
    def experts(self) -> frozenset[Expert]:
        return frozenset(expert for file in self.files for expert in file.experts)

    @property
    def family(self) -> str | None:
        """Of `FAMILIES`; None where it is made for none of them."""
        widths = {width for file in self.files for width in file.widths}
        return FAMILIES.get(widths.pop()) if len(widths) == 1 else None


@dataclass(frozen=True, slots=True, kw_only=True)
class LoraDraft:
    """What a user said of one. The more particular strength wins; none at all is 1.

    Attributes:
        sha256: of the files that are meant; None for whichever have that name.
    """

    name: str
    strength: float | None = None
    strength_high_noise: float | None = None
    strength_low_noise: float | None = None
    sha256: tuple[str, ...] | None = None

    @classmethod
    def of(cls, use: "LoraUse") -> "LoraDraft":
        """What asks for `use` again, and for no other files."""
        return cls(
            name=use.name,
            strength_high_noise=use.strength_high_noise,
            strength_low_noise=use.strength_low_noise,
            sha256=use.sha256,
        )

    def complete(self, sha256: Sequence[str]) -> "LoraUse":
        """The use that this means, of files with these hashes."""
        both = 1.0 if self.strength is None else self.strength
        high, low = self.strength_high_noise, self.strength_low_noise
        return LoraUse(
            name=self.name,
            strength_high_noise=both if high is None else high,
            strength_low_noise=both if low is None else low,
            sha256=tuple(sha256),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class LoraUse:
    """A LoRA as part of a reproducible request.

    Attributes:
        name: what it is called here.
        strength_high_noise: by how much its change is multiplied in the high-noise expert (and
            where there is one network).
        strength_low_noise: the same in the low-noise expert.
        sha256: of each of its files, in the order of `Lora.files`.
    """

    name: str
    strength_high_noise: float
    strength_low_noise: float
    sha256: tuple[str, ...]

    def strength(self, expert: Expert) -> float:
        """Its strength in that transformer."""
        return self.strength_high_noise if expert is Expert.HIGH_NOISE else self.strength_low_noise


def added_numbers(loras: Iterable[Lora]) -> tuple[int, ...]:
    """What they add to each expert, in the order of `Expert`: the numbers of their tensors."""
    files = [file for lora in loras for file in lora.files]
    return tuple(sum(file.numbers.get(expert, 0) for file in files) for expert in Expert)


def check_loras(
    uses: Sequence[LoraUse], loras: Sequence[Lora], spec: CheckpointSpec
) -> list[Violation]:
    """Everything about them that `spec` cannot honour. `loras`: what `uses` name, in their order."""
    violations = [
        violation
        for index, (use, lora) in enumerate(zip(uses, loras, strict=True))
        for violation in (
            *_check_fit(f"/loras/{index}", lora, spec),
            *_check_strengths(f"/loras/{index}", use, spec),
        )
    ]
    if len(uses) > MAX_LORAS:
        reason = f"{len(uses)} are more than can be used at once"
        violations.append(Violation(pointer="/loras", reason=reason, nearest=(MAX_LORAS,)))
    names = [use.name for use in uses]
    if repeated := sorted({name for name in names if names.count(name) > 1}):
        reason = f"{repeated[0]} is named twice: give it one strength"
        violations.append(Violation(pointer="/loras", reason=reason))
    return violations


def check_hashes(said: Sequence[LoraDraft], found: Sequence[LoraUse]) -> list[Violation]:
    """Each that names its files by their hashes, where others were found under its name."""
    return [
        Violation(
            pointer=f"/loras/{index}/sha256",
            reason=f"the files of {draft.name} that are here are others than the ones that are named",
        )
        for index, (draft, use) in enumerate(zip(said, found, strict=True))
        if draft.sha256 is not None and draft.sha256 != use.sha256
    ]


def _check_fit(pointer: str, lora: Lora, spec: CheckpointSpec) -> list[Violation]:
    family = family_of(spec)
    if family is not None and lora.family != family:
        made_for = f"{lora.family} checkpoints" if lora.family else "no checkpoint that is known"
        reason = f"{lora.name} is made for {made_for}; {spec.id} is of the {family} family"
        return [Violation(pointer=f"{pointer}/name", reason=reason)]
    if not spec.has_two_experts and lora.experts == {Expert.LOW_NOISE}:
        reason = f"{lora.name} is for a low-noise expert, and {spec.id} has one network"
        return [Violation(pointer=f"{pointer}/name", reason=reason)]
    if not spec.has_two_experts and len(lora.files) > 1:
        reason = f"{lora.name} is a pair for two experts, and {spec.id} has one network"
        return [Violation(pointer=f"{pointer}/name", reason=reason)]
    return []


def _check_strengths(pointer: str, use: LoraUse, spec: CheckpointSpec) -> list[Violation]:
    violations = [
        Violation(
            pointer=f"{pointer}/{field}",
            reason=f"{value} is outside {-MAX_STRENGTH} to {MAX_STRENGTH}",
            nearest=(MAX_STRENGTH if value > 0 else -MAX_STRENGTH,),
        )
        for field, value in (
            ("strength_high_noise", use.strength_high_noise),
            ("strength_low_noise", use.strength_low_noise),
        )
        if not -MAX_STRENGTH <= value <= MAX_STRENGTH
    ]
    if not spec.has_two_experts and use.strength_low_noise != use.strength_high_noise:
        reason = f"{spec.id} has one network, so both strengths must be equal"
        pointer = f"{pointer}/strength_low_noise"
        nearest = (use.strength_high_noise,)
        violations.append(Violation(pointer=pointer, reason=reason, nearest=nearest))
    return violations


def family_of(spec: CheckpointSpec) -> str | None:
    """The family that a checkpoint's id names; None where it names none."""
    named = (
        family
        for family in FAMILIES.values()
        if spec.id.startswith(family) or spec.id.endswith(family)
    )
    return next(named, None)


def like_named(name: str, known: Iterable[str]) -> Violation:
    """That no LoRA has that name, with those that come near, else a few of those there are."""
    names = sorted(known)
    nearest = closest(name, names) or tuple(names[:_FEW])
    return Violation(pointer="/name", reason="is no LoRA's name", nearest=nearest)
