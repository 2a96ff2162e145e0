"""What a video would need, on this machine or on one that is only imagined; no weights need be here."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from application.complete_draft import find_loras
from application.known_overflows import KnownOverflows
from domain.checkpoint import CheckpointSpec, chosen_checkpoint
from domain.clip import InputClip
from domain.errors import CheckpointMissing
from domain.generation import GenerationDraft, GenerationRequest
from domain.hardware import Capacity
from domain.image import InputImage
from domain.inputs import Given
from domain.local_checkpoint import LocalCheckpoint, structure_of
from domain.lora import FAMILIES, Expert, Lora, LoraDraft, LoraFile, family_of
from domain.memory_plan import MemoryPlan, plan_memory
from domain.ports.checkpoint_catalog import CheckpointCatalog
from domain.ports.lora_catalog import LoraCatalog
from domain.ports.run_history import RunHistory
from domain.presets import preset_named
from domain.run_record import run_kind
from domain.structure import Structure

#: An hour: as long as any video.
_LONG_US: Final = 3_600_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Imagined:
    """What is asked. None means the checkpoint's default, or what this machine has.

    Attributes:
        strength: how much of a given video is made anew.
        preset: taken as if the LoRA were here that it may need: where none is, one such as is published.
        precision: what large matrices are multiplied in.
        with_image: whether the video begins with a picture, of its own shape.
        with_last_image: whether it also ends with one.
        with_video: whether one is given to be made anew.
        with_control_video: whether one is given that shows how things move.
        references: pictures of who or what is to be seen.
        loras: those that are used, beside the one that the preset may need; they must be here.
        accelerator_bytes: as if that much were free there; 0 for a machine without one.
        host_bytes: as if that much were available.
    """

    checkpoint: str | None = None
    width: int | None = None
    height: int | None = None
    num_frames: int | None = None
    steps: int | None = None
    guidance_high_noise: float | None = None
    guidance_low_noise: float | None = None
    strength: float | None = None
    preset: str | None = None
    precision: str | None = None
    with_image: bool = False
    with_last_image: bool = False
    with_video: bool = False
    with_control_video: bool = False
    references: int = 0
    loras: tuple[LoraDraft, ...] = ()
    accelerator_bytes: int | None = None
    host_bytes: int | None = None

    def request(self, spec: CheckpointSpec, worn: Sequence[Lora] = ()) -> GenerationRequest:
        """Complete, with words and a seed that change nothing of what it needs.

        Args:
            worn: what the preset needs, and what is named.

        Raises:
            InvalidRequest: the checkpoint cannot honour it.
        """
        draft = GenerationDraft(
            prompt="a video",
            checkpoint=spec.id,
            width=self.width,
            height=self.height,
            num_frames=self.num_frames,
            steps=self.steps,
            guidance_high_noise=self.guidance_high_noise,
            guidance_low_noise=self.guidance_low_noise,
            strength=self.strength,
            preset=self.preset,
            precision=self.precision,
            loras=tuple(self._use_of(lora) for lora in worn),
        )
        loras = [(lora, ()) for lora in worn]
        return draft.complete(spec, drawn_seed=0, given=self._given(spec), loras=loras)

    def _use_of(self, lora: Lora) -> LoraDraft:
        said = (draft for draft in self.loras if draft.name == lora.name)
        return next(said, LoraDraft(name=lora.name))

    def _given(self, spec: CheckpointSpec) -> Given:
        """What the checkpoint cannot do without, and what is said to be given."""
        width = self.width or spec.defaults.width
        height = self.height or spec.defaults.height
        picture = InputImage(id="imagined", width=width, height=height)
        clip = InputClip(
            id="imagined", width=width, height=height, times_us=(0,), duration_us=_LONG_US
        )
        leads = spec.animates_character
        return Given(
            image=picture if self.with_image or spec.needs_image else None,
            last_image=picture if self.with_last_image else None,
            video=clip if self.with_video else None,
            control_video=clip if self.with_control_video or leads else None,
            face_video=replace(clip, width=height) if leads else None,
            references=(picture,) * (self.references or int(leads)),
        )

    def capacity(self, here: Capacity) -> Capacity:
        """The memory that is meant."""
        meant = here
        if self.accelerator_bytes is not None:  # another one, of which no more is known
            meant = Capacity(
                accelerator_bytes=self.accelerator_bytes or None, host_bytes=here.host_bytes
            )
        return meant if self.host_bytes is None else replace(meant, host_bytes=self.host_bytes)


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A plan, and what was planned into how much memory."""

    request: GenerationRequest
    capacity: Capacity
    plan: MemoryPlan


class EstimateGeneration:
    """Plans without asking for anything to be made."""

    def __init__(
        self,
        catalog: CheckpointCatalog,
        history: RunHistory | None,
        capacity: Callable[[], Capacity],
        loras: LoraCatalog | None = None,
        overflows: KnownOverflows | None = None,
    ) -> None:
        """Takes None for `history`, and for `overflows`, where nothing was ever made.

        `loras`: where there are any to choose from.
        """
        self._catalog = catalog
        self._history = history
        self._capacity = capacity
        self._loras = loras
        self._overflows = overflows

    async def execute(self, asked: Imagined) -> Estimate:
        """The plan.

        Raises:
            InvalidRequest: there is no such video.
            CheckpointUnavailable: its files are here, and cannot be used; or only they could tell.
            DoesNotFit: not in that memory; the message says what would.
        """
        spec = chosen_checkpoint(asked.checkpoint)
        asked.request(spec)  # else refused before any file is read
        local = await asyncio.to_thread(self._find, spec)
        worn = await asyncio.to_thread(self._worn, asked, spec, local)
        request = asked.request(spec, worn)
        capacity = asked.capacity(await asyncio.to_thread(self._capacity))
        kind = run_kind(request)
        history = await self._history.of_kind(kind) if self._history else ()
        is_here = asked.accelerator_bytes is None  # else no run found that accelerator full
        overflows = self._overflows.of_kind(kind) if self._overflows and is_here else ()
        plan = await asyncio.to_thread(
            plan_memory, request, spec, local, capacity, history, worn, overflows
        )
        return Estimate(request=request, capacity=capacity, plan=plan)

    def _worn(
        self, asked: Imagined, spec: CheckpointSpec, local: LocalCheckpoint | None
    ) -> Sequence[Lora]:
        named = find_loras(self._loras, asked.loras)
        needed = self._needed_lora(asked.preset, spec, local)
        return named if needed is None or needed in named else [needed, *named]

    def _needed_lora(
        self, preset: str | None, spec: CheckpointSpec, local: LocalCheckpoint | None
    ) -> Lora | None:
        """What the preset needs: what lies here, else one such as is published."""
        needed, structure = preset_named(preset).needs.get(spec.id), structure_of(spec, local)
        if needed is None or structure is None:
            return None
        entries = self._loras.entries() if self._loras else ()
        here = {entry.name: entry.lora for entry in entries if entry.lora is not None}
        name = needed.among(here.values())
        return here[name] if name else _imagined_lora(spec, structure, needed.rank)

    def _find(self, spec: CheckpointSpec) -> LocalCheckpoint | None:
        try:
            return self._catalog.find(spec.id)
        except CheckpointMissing:
            if structure_of(spec, None) is None:
                raise
            return None


def _imagined_lora(spec: CheckpointSpec, structure: Structure, rank: int) -> Lora:
    """One file for both experts, with every matrix that such a LoRA changes."""
    widths = [width for width, family in FAMILIES.items() if family == family_of(spec)]
    file = LoraFile(
        path=Path("imagined"),
        size_bytes=0,
        experts=tuple(Expert),
        ranks=(rank,),
        alphas=(),
        widths=tuple(widths),
        tensors=0,
        unknown=(),
        numbers=dict.fromkeys(Expert, structure.transformer.lora_numbers(rank)),
    )
    return Lora(name=f"imagined, of rank {rank}", files=(file,))
