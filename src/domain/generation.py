"""What is asked: a sparse draft, and the complete, reproducible request it becomes.

A draft's None means "the checkpoint's default". A request means the same video for ever: it holds
every number that shapes the frames, the seed that was drawn included.
"""

import math
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, Final, TypeVar

from domain.checkpoint import CheckpointSpec, checkpoint_spec
from domain.clip import InputClip
from domain.close_names import closest
from domain.errors import InvalidRequest, Violation
from domain.image import MAX_ASPECT, InputImage
from domain.input_rules import check_inputs
from domain.inputs import NOTHING_GIVEN, Given
from domain.lora import Lora, LoraDraft, LoraUse, check_hashes, check_loras
from domain.presets import preset_named
from domain.segments import Segments
from domain.shortcuts import DISTILLED, check_shortcuts

#: Characters. UMT5 reads the first 512 tokens of a prompt.
MAX_PROMPT_CHARACTERS: Final = 4000
MAX_STEPS: Final = 100
MAX_GUIDANCE: Final = 30.0
MAX_FLOW_SHIFT: Final = 30.0
#: 32 bits: what every generator takes, and every JSON reader keeps exact.
MAX_SEED: Final = 2**32 - 1

#: Source: `WanVideoToVideoPipeline.__call__`.
DEFAULT_STRENGTH: Final = 0.8

#: Samplers of the flow ODE, the default first. UniPC and DPM++ 2M, both multistep: Wan2.2
#: `wan/text2video.py`; Euler: `FlowMatchEulerDiscreteScheduler` of diffusers; the last one is Euler on
#: the steps of step-distilled weights.
SCHEDULERS: Final = ("unipc", "euler", "dpm++", DISTILLED)


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerationRequest:
    """Everything that decides the frames of one video.

    Attributes:
        width, height: pixels.
        guidance_high_noise: classifier-free guidance while the high-noise expert works (and
            throughout, where there is one network).
        guidance_low_noise: the same for the low-noise expert.
        flow_shift: how far the noise schedule leans to high noise.
        fps: frames per second of the file; does not change the frames.
        image: id of the picture the video begins with; None for text alone.
        last_image: id of the picture it ends with; None where it may end as it likes.
        image_fit: one of `IMAGE_FITS`, how pictures of another shape are fitted; None where they are
            of the video's own.
        loras: in the order in which they were asked for.
        video: id of the video it is made from; None where there is none.
        strength: how much of that one is made anew, above 0 to 1; None without one.
        control_video: id of the video that shows how things move, or what is to be kept; None without.
        control_mask: id of the video that is white where that one is made anew; None for everywhere.
        face_video: id of the video that shows the face of who is to be seen; None without.
        references: ids of the pictures of who or what is to be seen.
        guidance_until: the share of the steps that are guided, from the first on; None for all.
        step_cache: how much a velocity may have changed, as foretold, since the last step that was made,
            for another step to be left out; None where each is made.
        loras_from: the share of the steps that are made before the LoRAs are on; None for none.
        precision: what the experts' large matrices are multiplied in, one of `PRECISIONS`; None for what they
            were made in.
    """

    checkpoint: str
    prompt: str
    negative_prompt: str
    width: int
    height: int
    num_frames: int
    fps: int
    steps: int
    guidance_high_noise: float
    guidance_low_noise: float
    flow_shift: float
    scheduler: str
    seed: int
    image: str | None = None
    last_image: str | None = None
    image_fit: str | None = None
    loras: tuple[LoraUse, ...] = ()
    video: str | None = None
    strength: float | None = None
    control_video: str | None = None
    control_mask: str | None = None
    face_video: str | None = None
    references: tuple[str, ...] = ()
    guidance_until: float | None = None
    step_cache: float | None = None
    loras_from: float | None = None
    precision: str | None = None

    @property
    def denoising_steps(self) -> int:
        """How many of `steps` each segment makes: all, or the last of them where a video is given.

        Source: `get_timesteps` of diffusers' `WanVideoToVideoPipeline`.
        """
        return self.steps if self.strength is None else int(self.steps * self.strength)

    @property
    def segments(self) -> Segments:
        """What its checkpoint makes it in."""
        return checkpoint_spec(self.checkpoint).segments(self.num_frames)

    @property
    def all_steps(self) -> int:
        """The denoising steps of all its segments."""
        return self.segments.count * self.denoising_steps


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerationDraft:
    """What a user said, nothing filled in; a complete request says all of it, too (`of`).

    Its `preset` stands for fields that nothing is said of, and is no field of a request itself.
    """

    prompt: str
    negative_prompt: str | None = None
    checkpoint: str | None = None
    width: int | None = None
    height: int | None = None
    num_frames: int | None = None
    fps: int | None = None
    steps: int | None = None
    guidance_high_noise: float | None = None
    guidance_low_noise: float | None = None
    flow_shift: float | None = None
    scheduler: str | None = None
    seed: int | None = None
    image: str | None = None
    last_image: str | None = None
    image_fit: str | None = None
    loras: tuple[LoraDraft, ...] | None = None
    video: str | None = None
    strength: float | None = None
    control_video: str | None = None
    control_mask: str | None = None
    face_video: str | None = None
    references: tuple[str, ...] | None = None
    preset: str | None = None
    guidance_until: float | None = None
    step_cache: float | None = None
    loras_from: float | None = None
    precision: str | None = None

    @classmethod
    def of(cls, request: GenerationRequest) -> "GenerationDraft":
        """What asks for `request` again, and for nothing else."""
        loras = tuple(LoraDraft.of(use) for use in request.loras)
        return cls(**{**_attributes(request), "loras": loras})

    def complete(
        self,
        spec: CheckpointSpec,
        *,
        drawn_seed: int,
        given: Given = NOTHING_GIVEN,
        loras: Sequence[tuple[Lora, Sequence[str]]] = (),
    ) -> GenerationRequest:
        """The reproducible request that this draft means for `spec`.

        Args:
            drawn_seed: used where the draft has no seed; 0 to `MAX_SEED`.
            given: all that the draft names by id.
            loras: what the draft's `loras` name, in that order, with the SHA-256 of each one's files.

        Raises:
            InvalidRequest: with every violation found, each with the nearest valid values.
        """
        defaults, preset = spec.defaults, preset_named(self.preset)
        steps = _or(self.steps, _or(preset.steps, defaults.steps))
        high = _or(preset.guidance_high_noise, defaults.guidance_high_noise)
        low = _or(preset.guidance_low_noise, self._low_noise_default(spec))
        request = GenerationRequest(
            checkpoint=spec.id,
            prompt=clean_prompt(self.prompt),
            negative_prompt=clean_prompt(_or(self.negative_prompt, defaults.negative_prompt)),
            width=_or(self.width, defaults.width),
            height=_or(self.height, defaults.height),
            num_frames=_or(self.num_frames, defaults.num_frames),
            fps=_or(self.fps, defaults.fps),
            steps=steps,
            guidance_high_noise=_or(self.guidance_high_noise, high),
            guidance_low_noise=_or(self.guidance_low_noise, low),
            flow_shift=_or(self.flow_shift, _or(preset.flow_shift, defaults.flow_shift)),
            scheduler=_or(self.scheduler, _or(preset.scheduler, SCHEDULERS[0])),
            seed=_or(self.seed, drawn_seed),
            image=_id(given.image),
            last_image=_id(given.last_image),
            image_fit=self.image_fit,
            video=_id(given.video),
            strength=_or(self.strength, DEFAULT_STRENGTH if given.video else None),
            control_video=_id(given.control_video),
            control_mask=_id(given.control_mask),
            face_video=_id(given.face_video),
            references=tuple(image.id for image in given.references),
            loras=tuple(
                said.complete(sha256)
                for said, (_, sha256) in zip(self.loras or (), loras, strict=True)
            ),
            guidance_until=_unless(1.0, _or(self.guidance_until, _or(preset.guidance_until, 1.0))),
            step_cache=_unless(0.0, _or(self.step_cache, _or(preset.step_cache(steps), 0.0))),
            loras_from=_unless(
                0.0, _or(self.loras_from, _or(preset.loras_from if self.loras else None, 0.0))
            ),
            precision=_or(self.precision, preset.precision),
        )
        violations = preset.check(spec)
        violations += check_request(request, spec)
        violations += check_shortcuts(request)
        violations += check_inputs(given, request, spec)
        violations += check_loras(request.loras, [lora for lora, _ in loras], spec)
        violations += check_hashes(self.loras or (), request.loras)
        if violations:
            raise InvalidRequest(violations)
        return request

    def _low_noise_default(self, spec: CheckpointSpec) -> float:
        """One network has one guidance: the low-noise value follows the high-noise one."""
        if spec.has_two_experts or self.guidance_high_noise is None:
            return spec.defaults.guidance_low_noise
        return self.guidance_high_noise


def clean_prompt(text: str) -> str:
    """`text` in Unicode's composed form, without CR and without the white space around it."""
    return unicodedata.normalize("NFC", text).replace("\r\n", "\n").strip()


def check_request(request: GenerationRequest, spec: CheckpointSpec) -> list[Violation]:
    """Everything about `request` that `spec` cannot honour; empty when it is fine."""
    return [
        *_check_prompt("/prompt", request.prompt, may_be_empty=False),
        *_check_prompt("/negative_prompt", request.negative_prompt, may_be_empty=True),
        *_check_sides(request, spec),
        *_check_frames(request.num_frames, spec),
        *_check_fps(request.fps, spec),
        *_check_range("/steps", request.steps, low=1, high=MAX_STEPS),
        *_check_range(
            "/guidance_high_noise", request.guidance_high_noise, low=1.0, high=MAX_GUIDANCE
        ),
        *_check_range(
            "/guidance_low_noise", request.guidance_low_noise, low=1.0, high=MAX_GUIDANCE
        ),
        *_check_guidance_pair(request, spec),
        *_check_range("/flow_shift", request.flow_shift, low=0.1, high=MAX_FLOW_SHIFT),
        *_check_scheduler(request.scheduler),
        *_check_range("/seed", request.seed, low=0, high=MAX_SEED),
    ]


def _check_prompt(pointer: str, text: str, *, may_be_empty: bool) -> list[Violation]:
    if not text and not may_be_empty:
        return [Violation(pointer=pointer, reason="must say what to show")]
    if len(text) > MAX_PROMPT_CHARACTERS:
        reason = f"has {len(text)} characters; at most {MAX_PROMPT_CHARACTERS} are read"
        return [Violation(pointer=pointer, reason=reason)]
    if any(unicodedata.category(c) in {"Cc", "Cs"} and c not in "\n\t" for c in text):
        return [Violation(pointer=pointer, reason="holds control characters")]
    return []


def _check_sides(request: GenerationRequest, spec: CheckpointSpec) -> list[Violation]:
    multiple = spec.geometry.side_multiple
    pairs = (("width", request.width, request.height), ("height", request.height, request.width))
    violations = [
        Violation(
            pointer=f"/{name}",
            reason=f"the {name} must be a multiple of {multiple} for {spec.id}, and is {side}",
            nearest=nearest_sides(side, beside=other, spec=spec),
        )
        for name, side, other in pairs
        if side < multiple or side % multiple
    ]
    smaller = math.prod(side - side % multiple for _, side, _ in pairs)
    if smaller <= spec.max_pixels and violations and all(v.nearest for v in violations):
        return violations
    if request.width * request.height > spec.max_pixels:
        is_tall = request.height > request.width
        alike = [(w, h) for w, h in spec.native_sizes if (h > w) == is_tall] or spec.native_sizes
        sizes = tuple(f"{w}x{h}" for w, h in alike)
        reason = f"{request.width}x{request.height} is more than {spec.id} was made for"
        return [Violation(pointer="/width", reason=reason, nearest=sizes)]
    name, longer, shorter = max(pairs, key=lambda pair: pair[1])
    if longer > MAX_ASPECT * shorter:
        reason = f"the {name}, {longer}, is more than {MAX_ASPECT} times the other side, {shorter}"
        nearest = nearest_sides(longer, beside=shorter, spec=spec)
        return [Violation(pointer=f"/{name}", reason=reason, nearest=nearest)]
    return violations


def _check_frames(num_frames: int, spec: CheckpointSpec) -> list[Violation]:
    stride = spec.geometry.temporal_stride
    if num_frames > spec.max_frames:
        reason = f"{num_frames} frames are more than {spec.id} makes at once"
        return [Violation(pointer="/num_frames", reason=reason, nearest=(spec.max_frames,))]
    if num_frames < 1 or num_frames % stride != 1:
        reason = f"{num_frames} is not {stride}n + 1 (1, {stride + 1}, {2 * stride + 1}, …)"
        nearest = nearest_frame_counts(num_frames, stride)
        return [Violation(pointer="/num_frames", reason=reason, nearest=nearest)]
    return []


def _check_fps(fps: int, spec: CheckpointSpec) -> list[Violation]:
    if fps == spec.defaults.fps:
        return []
    reason = f"{spec.id} moves at {spec.defaults.fps} frames a second, not at {fps}"
    return [Violation(pointer="/fps", reason=reason, nearest=(spec.defaults.fps,))]


def _check_range(pointer: str, value: float, *, low: float, high: float) -> list[Violation]:
    if low <= value <= high:
        return []
    nearest = (high,) if value > high else (low,)  # not a number is neither: low
    reason = f"{value} is outside {low} to {high}"
    return [Violation(pointer=pointer, reason=reason, nearest=nearest)]


def _check_guidance_pair(request: GenerationRequest, spec: CheckpointSpec) -> list[Violation]:
    if spec.has_two_experts or request.guidance_low_noise == request.guidance_high_noise:
        return []
    return [
        Violation(
            pointer="/guidance_low_noise",
            reason=f"{spec.id} has one network, so both guidances must be equal",
            nearest=(request.guidance_high_noise,),
        )
    ]


def _check_scheduler(scheduler: str) -> list[Violation]:
    if scheduler in SCHEDULERS:
        return []
    reason = f"{scheduler!r} is not offered"
    nearest = closest(scheduler, SCHEDULERS) or SCHEDULERS
    return [Violation(pointer="/scheduler", reason=reason, nearest=nearest)]


def nearest_sides(side: int, *, beside: int, spec: CheckpointSpec) -> tuple[int, ...]:
    """The lengths closest to `side` that `spec` takes, smaller first.

    Args:
        beside: the other side. Where it is no valid length itself, the next one below is meant; where
            it is too long for any, there is none.
    """
    multiple = spec.geometry.side_multiple
    other = max(multiple, beside // multiple * multiple)
    longest = min(spec.max_pixels // other, MAX_ASPECT * other) // multiple * multiple
    shortest = -(-other // (MAX_ASPECT * multiple)) * multiple  # rounded up
    below = side // multiple * multiple
    if shortest > longest:
        return ()
    around = {min(max(near, shortest), longest) for near in (below, below + multiple)}
    return tuple(sorted(near for near in around if near >= multiple))


def nearest_frame_counts(num_frames: int, stride: int) -> tuple[int, ...]:
    """The counts `stride * k + 1` on both sides of `num_frames`, smaller first."""
    below = (num_frames - 1) // stride * stride + 1
    return (below, below + stride) if below >= 1 else (1,)


_T = TypeVar("_T")


def _attributes(request: GenerationRequest) -> dict[str, Any]:
    return {field.name: getattr(request, field.name) for field in fields(request)}


def _id(found: InputImage | InputClip | None) -> str | None:
    return found.id if found else None


def _or(value: _T | None, default: _T) -> _T:
    return default if value is None else value


def _unless(nothing: float, value: float) -> float | None:
    """None where `value` leaves nothing out: equal requests are equal however they were asked for."""
    return None if value == nothing else value
