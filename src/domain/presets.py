"""Named trades of quality for speed: each stands for fields of the request, which are what is kept.

What each costs on the miniatures was measured (`domain.preset_costs`); on the checkpoints of full size it
was not.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from domain.checkpoint import CheckpointSpec
from domain.close_names import closest
from domain.errors import InvalidRequest, Violation
from domain.lora import Expert, Lora
from domain.shortcuts import DISTILLED, PRECISIONS


@dataclass(frozen=True, slots=True, kw_only=True)
class NeededLora:
    """A LoRA that lets a checkpoint do with fewer steps.

    Attributes:
        lora: what its name must look like, in any case.
        example: files that are published, as they are called.
        source: where they are published.
        rank: theirs, as the names that lightx2v gave them say: `Wan2.2-T2V-A14B-4steps-lora-rank64-…`.
    """

    lora: str
    example: str
    source: str
    rank: int = 64

    def suits(self, name: str) -> bool:
        """Whether a LoRA of that name is one."""
        return re.search(self.lora, name, re.IGNORECASE) is not None

    def among(self, loras: Iterable[Lora]) -> str | None:
        """The name of the one to use, of those that lie here; None where none is whole."""
        found = [lora for lora in loras if self.suits(lora.name) and lora.experts == set(Expert)]
        # Of several versions: their names end in a number or a date.
        return max((lora.name for lora in found), default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Preset:
    """What a preset's name stands for. None leaves a field to the checkpoint.

    Attributes:
        loss: what is given up, in words.
        changes: the step cache's threshold times the steps: of more steps, each changes less.
        needs: by checkpoint; where there are any, it is for no other checkpoint.
    """

    name: str
    loss: str
    steps: int | None = None
    guidance_high_noise: float | None = None
    guidance_low_noise: float | None = None
    flow_shift: float | None = None
    scheduler: str | None = None
    guidance_until: float | None = None
    changes: float | None = None
    loras_from: float | None = None
    precision: str | None = None
    needs: Mapping[str, NeededLora] = field(default_factory=dict)

    def step_cache(self, steps: int) -> float | None:
        """The threshold of the step cache in a run of so many steps; None for no cache."""
        return round(self.changes / steps, 4) if self.changes and steps > 0 else None

    def check(self, spec: CheckpointSpec) -> list[Violation]:
        """Whether a video of that checkpoint can be made so."""
        if not self.needs or spec.id in self.needs:
            return []
        reason = (
            f"{self.name} is for {' and '.join(self.needs)}; none of its LoRAs is for {spec.id}"
        )
        nearest = tuple(preset.name for preset in presets_of(spec))
        return [Violation(pointer="/preset", reason=reason, nearest=nearest)]

    def lora_among(self, loras: Iterable[Lora], spec: CheckpointSpec) -> str | None:
        """The name of the LoRA it needs, of those that lie here; None where it needs none.

        Raises:
            InvalidRequest: it needs one that is not here, or not whole.
        """
        needed = self.needs.get(spec.id)
        if needed is None:
            return None
        found = needed.among(loras)
        if found is None:
            reason = (
                f"{self.name} needs a LoRA for both experts that is not here: put {needed.example}, "
                f"from {needed.source}, into the folder `loras` of the data directory"
            )
            raise InvalidRequest([Violation(pointer="/preset", reason=reason)])
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class PresetCost:
    """A preset against the exact run of the same prompts and seeds.

    Attributes:
        preset: what it is called.
        clips: how many were made both ways.
        forwards: of the transformers, as a share of the exact run's.
        seconds: of a processor, denoising, as a share of the exact run's.
        psnr_db: likeness to the exact clip, on average.
        worst_psnr_db: that of the clip that is least like the exact one.
        ssim: structural likeness, on average: 1 where they are equal.
        right_exactly: exact clips that show shape, colour, background and motion as they were asked for.
        right: this preset's that do.
        chance: how probable it is that so uneven a split comes by chance.
    """

    preset: str
    checkpoint: str
    clips: int
    forwards: float
    seconds: float
    psnr_db: float
    worst_psnr_db: float
    ssim: float
    right_exactly: int
    right: int
    chance: float


_LIGHTNING: Final = {
    checkpoint: NeededLora(
        lora=rf"{task}.*(light|4.?steps)|(light|4.?steps).*{task}",
        example=f"wan2.2_{task}_lightx2v_4steps_lora_{version}_high_noise.safetensors and …_low_noise.safetensors",
        source="huggingface.co/Comfy-Org/Wan_2.2_ComfyUI_Repackaged",
    )
    for checkpoint, task, version in (("t2v-A14B", "t2v", "v1.1"), ("i2v-A14B", "i2v", "v1"))
}

#: The default first, then the less exact the later.
PRESETS: Final[Sequence[Preset]] = (
    Preset(
        name="exact",
        loss="nothing is lost: every step is made, as the checkpoint's authors make it",
    ),
    Preset(
        name="balanced",
        loss="steps that would change little are left out: small details differ from the exact video",
        changes=2.4,
    ),
    Preset(
        name="fp8",
        loss="the experts' large matrices are multiplied in 8 bits, for GPUs from Ada and Hopper on: details "
        "differ from the exact video",
        precision=PRECISIONS[0],
    ),
    Preset(
        name="draft",
        loss="more steps are left out, and the last quarter is not guided: details differ, and now and "
        "then what is shown",
        changes=4.8,
        guidance_until=0.75,
    ),
    Preset(
        name="distilled-8",
        loss="another video: a LoRA makes it in 8 steps, the first of them without it and guided, which "
        "keeps more of the motion than 4; the negative prompt counts in that step alone",
        steps=8,
        guidance_high_noise=3.5,
        guidance_low_noise=1.0,
        flow_shift=5.0,
        scheduler=DISTILLED,
        guidance_until=1 / 8,
        loras_from=1 / 8,
        needs=_LIGHTNING,
    ),
    Preset(
        name="distilled-4",
        loss="another video: a LoRA makes it in 4 steps; slower motion, less contrast, and the negative "
        "prompt counts for nothing",
        steps=4,
        guidance_high_noise=1.0,
        guidance_low_noise=1.0,
        flow_shift=5.0,
        scheduler=DISTILLED,
        needs=_LIGHTNING,
    ),
)


def preset_named(name: str | None) -> Preset:
    """The preset of that name; None means the default.

    Raises:
        InvalidRequest: there is none; the violation has the nearest, or all there are.
    """
    if name is None:
        return PRESETS[0]
    for preset in PRESETS:
        if preset.name == name:
            return preset
    known = tuple(preset.name for preset in PRESETS)
    reason = f"{name!r} is no preset"
    nearest = closest(name, known) or known
    raise InvalidRequest([Violation(pointer="/preset", reason=reason, nearest=nearest)])


def presets_of(spec: CheckpointSpec) -> Sequence[Preset]:
    """Those that a checkpoint can be made with."""
    return [preset for preset in PRESETS if not preset.needs or spec.id in preset.needs]


def is_of_a_preset(lora: str) -> bool:
    """Whether a LoRA of that name is one that a preset brings with it."""
    return any(needed.suits(lora) for preset in PRESETS for needed in preset.needs.values())
