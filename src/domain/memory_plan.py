"""What a generation will need, known before it is queued, and where its parts will lie.

Weights are exact; what else memory holds is predicted, and corrected by what was measured. Seconds are
told only where this machine has measured some.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from math import prod
from typing import Final

from domain.checkpoint import CHECKPOINTS, CheckpointSpec
from domain.demand import Work
from domain.errors import DoesNotFit, InvalidRequest, Violation
from domain.generation import GenerationRequest
from domain.hardware import FP8_FROM, Capacity
from domain.inputs import is_at_one_timestep
from domain.local_checkpoint import LocalCheckpoint, structure_of
from domain.lora import Lora, added_numbers
from domain.overflow import Overflow, told_of_overflows
from domain.placement import Placement
from domain.placement_choice import Choice, choose, nearest
from domain.plan_reasons import reasons, told_of
from domain.progress import Stage
from domain.run_record import PastRun, placed_as, predicted_seconds
from domain.shortcuts import guided_steps, told_of_shortcuts
from domain.sizes import gib
from domain.stored_precision import told_of_files, what_converting_mends
from domain.structure import Precision, Structure

#: A smaller size to offer where a checkpoint was made for larger ones: `832*480` of Wan2.2's
#: `wan/configs/__init__.py`.
_480P: Final = ((832, 480), (480, 832))


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryPlan:
    """The size of one generation, and where it will be made.

    Attributes:
        weight_bytes: of the checkpoint's files, exact; where they are not here, they are taken to be
            in bf16, and the VAE's in fp32.
        latent_shape: (C, T, H, W), of what is made at once.
        tokens: what one forward of the transformer attends over.
        forwards: transformer forwards of the whole run at most: guidance above 1 doubles a step, and a
            step cache leaves out nobody knows how many.
        placement: None where an earlier version made the plan, or the structure is not known.
        accelerator_bytes: predicted to be allocated there at the peak; None where nothing is.
        accelerator_needed_bytes: so much must be free there, with room for kernels and the driver; this
            decides whether it fits. None as before, or where an earlier version made the plan.
        host_bytes: predicted for the process at its peak; None where nothing is predicted.
        host_needed_bytes: so much must be available, with files that are read again and again; this
            decides. None as before, or where an earlier version made the plan.
        seconds: predicted of each stage, from this machine's own runs; None before there are any.
        reasons: a sentence for each choice.
    """

    weight_bytes: int
    latent_shape: tuple[int, int, int, int]
    tokens: int
    forwards: int
    placement: Placement | None = None
    accelerator_bytes: int | None = None
    accelerator_needed_bytes: int | None = None
    host_bytes: int | None = None
    host_needed_bytes: int | None = None
    seconds: Mapping[Stage, float] | None = None
    reasons: tuple[str, ...] = ()


def plan_memory(
    request: GenerationRequest,
    spec: CheckpointSpec,
    local: LocalCheckpoint | None,
    capacity: Capacity,
    history: Sequence[PastRun] = (),
    loras: Sequence[Lora] = (),
    overflows: Sequence[Overflow] = (),
) -> MemoryPlan:
    """The plan of `request` in that much memory.

    Args:
        local: its files; None where they are not here and the structure is known by its id.
        history: this machine's runs of the same kind, newest first.
        loras: what `request.loras` name.
        overflows: of the same kind. They are heeded where that leaves something in the same precision, and refuse
            nothing: another program may have held the memory.

    Raises:
        InvalidRequest: a precision is asked for that these weights, or this machine, cannot have.
        DoesNotFit: nothing fits; the message has the numbers, the violations what would.
    """
    exact = _exact(request, spec, local)
    structure = structure_of(spec, local)
    if structure is None:
        told = (
            f"What {spec.id} is built of is not known here: nothing is predicted, and where there is "
            "an accelerator, everything is put on it."
        )
        return replace(exact, reasons=(told, *exact.reasons))

    planned = partial(work_of, spec=spec, structure=structure, local=local, loras=loras)
    work = planned(request)
    _check_precision(work, spec, capacity)
    choice = choose(work, capacity, history)
    if choice is None:
        raise _refusal(request, spec, planned, capacity)
    kept = replace(work, precision=choice.placement.precision)
    if overflows and (tighter := choose(kept, capacity, history, overflows)):
        return _planned(exact, spec, work, tighter, capacity, history, overflows)
    return _planned(exact, spec, work, choice, capacity, history)


def plan_tighter(
    former: MemoryPlan,
    request: GenerationRequest,
    spec: CheckpointSpec,
    local: LocalCheckpoint,
    capacity: Capacity,
    *,
    history: Sequence[PastRun],
    loras: Sequence[Lora],
    overflows: Sequence[Overflow],
) -> MemoryPlan:
    """The plan of `request` that all of `overflows` leave, in the precision of `former`.

    Raises:
        DoesNotFit: none; the message has the numbers, the violations what would.
    """
    structure = structure_of(spec, local)
    assert structure is not None, "a plan with a placement was made of one"
    assert former.placement is not None, "it overflowed what was planned"
    precision = former.placement.precision

    def planned(request: GenerationRequest) -> Work:
        return replace(work_of(request, spec, structure, local, loras), precision=precision)

    work = planned(request)
    choice = choose(work, capacity, history, overflows)
    if choice is None:
        raise _refusal(request, spec, planned, capacity, overflows)
    return _planned(_exact(request, spec, local), spec, work, choice, capacity, history, overflows)


def _exact(
    request: GenerationRequest, spec: CheckpointSpec, local: LocalCheckpoint | None
) -> MemoryPlan:
    """What is known of it without a structure."""
    size = _size(request, spec)
    return MemoryPlan(
        weight_bytes=local.weight_bytes if local else 0,
        latent_shape=spec.geometry.latent_shape(**size),
        tokens=spec.geometry.tokens(**size),
        forwards=_forwards(request),
        reasons=(
            *request.segments.told(steps=request.all_steps),
            *told_of_shortcuts(request),
        ),
    )


def _planned(
    exact: MemoryPlan,
    spec: CheckpointSpec,
    work: Work,
    choice: Choice,
    capacity: Capacity,
    history: Sequence[PastRun],
    heeded: Sequence[Overflow] = (),
) -> MemoryPlan:
    """`exact` with what was chosen."""
    placement, needs = choice.placement, choice.needs
    runs = placed_as(placement, history)
    return replace(
        exact,
        weight_bytes=exact.weight_bytes or work.structure.weight_bytes(Precision.BF16),
        placement=placement,
        accelerator_bytes=None if placement.is_on_cpu else needs.accelerator_bytes,
        accelerator_needed_bytes=None if placement.is_on_cpu else needs.accelerator_needed,
        host_bytes=needs.host_bytes,
        host_needed_bytes=needs.host_needed,
        seconds=predicted_seconds(runs, forwards=exact.forwards),
        reasons=(
            *told_of_overflows(heeded),
            *reasons(work, placement, needs, capacity, heeded),
            *told_of_files(work, placement, spec),
            *exact.reasons,
            *told_of(runs),
        ),
    )


def _check_precision(work: Work, spec: CheckpointSpec, capacity: Capacity) -> None:
    if work.precision is None:
        return
    reason = None
    if work.structure.quantised:
        reason = (
            f"the weights of {spec.id} stay as its GGUF files have them; {work.precision} takes weights that "
            "are not quantised"
        )
    elif (capacity.compute_capability or FP8_FROM) < FP8_FROM:
        has, takes = (
            ".".join(map(str, of)) for of in (capacity.compute_capability or (), FP8_FROM)
        )
        reason = (
            f"{work.precision} takes a GPU of compute capability {takes} or more (Ada, Hopper and later), and "
            f"the one that is here has {has}"
        )
    if reason:
        raise InvalidRequest([Violation(pointer="/precision", reason=reason)])


def _forwards(request: GenerationRequest) -> int:
    return request.segments.count * (request.denoising_steps + guided_steps(request))


def _size(request: GenerationRequest, spec: CheckpointSpec) -> dict[str, int]:
    """Of what is made at once."""
    # A reference is a latent frame of its own, before the video's.
    more = spec.geometry.temporal_stride * len(request.references)
    return {
        "num_frames": request.segments.num_frames + more,
        "height": request.height,
        "width": request.width,
    }


def work_of(
    request: GenerationRequest,
    spec: CheckpointSpec,
    structure: Structure,
    local: LocalCheckpoint | None,
    loras: Sequence[Lora] = (),
) -> Work:
    """What `request` is, as memory sees it."""
    size = _size(request, spec)
    latent_bytes = 4 * prod(spec.geometry.latent_shape(**size))
    return Work(
        structure=structure,
        stored_as={part.name: part.precision for part in local.components} if local else {},
        width=request.width,
        height=request.height,
        num_frames=request.segments.num_frames,
        tokens=spec.geometry.tokens(**size),
        latent_bytes=latent_bytes,
        kept_bytes=(request.segments.count - 1) * latent_bytes,
        forwards=_forwards(request),
        pictures_encoded=_pictures_encoded(request, structure),
        lora_numbers=added_numbers(loras),
        has_token_times=structure.has_token_times and not is_at_one_timestep(request),
        precision=None if request.precision is None else Precision(request.precision),
    )


def _pictures_encoded(request: GenerationRequest, structure: Structure) -> int:
    """A video that is made anew is encoded whole, and so is one that begins with a picture, or is led.

    The 5B encodes that picture alone.
    """
    if request.video or structure.transformer.side is not None:
        return request.segments.num_frames
    if request.image:
        return 1 if structure.has_token_times else request.num_frames
    return 0


def _refusal(
    request: GenerationRequest,
    spec: CheckpointSpec,
    planned: Callable[[GenerationRequest], Work],
    capacity: Capacity,
    overflows: Sequence[Overflow] = (),
) -> DoesNotFit:
    """Why nothing fits, and what would. `planned`: what a request on that checkpoint is to memory."""
    needs = nearest(planned(request), capacity, overflows)
    needed, available = gib(needs.host_needed, up=True), gib(capacity.host_bytes)
    if capacity.accelerator_bytes is None:
        needed = f"{needed} of host memory, as there is no accelerator"
        available = f"{available} is available"
    else:
        needed = (
            f"{gib(needs.accelerator_needed, up=True)} of accelerator and {needed} of host memory"
        )
        available = f"{gib(capacity.accelerator_bytes)} and {available} are available"

    def first_fitting(others: Iterator[GenerationRequest]) -> list[GenerationRequest]:
        fitting = (it for it in others if choose(planned(it), capacity, overflows=overflows))
        return [*filter(None, [next(fitting, None)])]

    smaller = first_fitting(_smaller(request, spec))
    shorter = first_fitting(_shorter(request, spec))
    instead = () if smaller or shorter else _fitting_instead(request, spec, capacity, overflows)
    sizes = [f"{o.width}x{o.height} with {o.num_frames} frames" for o in (*smaller, *shorter)]
    would = f"It would fit as {' or '.join(sizes)}."
    if not sizes:
        others = f": {' or '.join(instead)} would" if instead else ""
        would = f"No size of it would fit{others}."
    would = what_converting_mends(planned(request), spec, capacity, overflows) + would
    size = f"{request.width}x{request.height} with {request.num_frames} frames"
    nearest_of: Mapping[str, tuple[int | str, ...]] = {
        "/width": tuple(f"{other.width}x{other.height}" for other in smaller),
        "/num_frames": tuple(other.num_frames for other in shorter),
        "/checkpoint": instead,
    }
    return DoesNotFit(
        f"{spec.id} at {size} needs {needed}; {available}. {would}",
        violations=[
            Violation(pointer=pointer, reason=f"{size} does not fit into memory", nearest=values)
            for pointer, values in nearest_of.items()
            if values
        ],
    )


def _fitting_instead(
    request: GenerationRequest,
    spec: CheckpointSpec,
    capacity: Capacity,
    overflows: Sequence[Overflow],
) -> tuple[str, ...]:
    """Other checkpoints that take what is given, and fit at their own size; no miniatures."""
    led = request.control_video or request.references
    able = [
        other
        for other in CHECKPOINTS
        if other is not spec
        and (other.takes_image if request.image else not other.needs_image)
        and (other.takes_last_image or not request.last_image)
        and (other.takes_video or not request.video)
        and (other.takes_control or not led)
        and not (other.animates_character or spec.animates_character)
    ]
    return tuple(
        other.id
        for other in able
        if (structure := structure_of(other, None)) is not None
        and choose(
            work_of(_as_usual(request, other), other, structure, None),
            capacity,
            overflows=overflows,
        )
    )


def _as_usual(request: GenerationRequest, spec: CheckpointSpec) -> GenerationRequest:
    """The same of another checkpoint, at the size and length that it makes by itself."""
    usual = spec.defaults
    return replace(request, width=usual.width, height=usual.height, num_frames=usual.num_frames)


def _smaller(request: GenerationRequest, spec: CheckpointSpec) -> Iterator[GenerationRequest]:
    """Native sizes of the same shape with fewer pixels, the largest first."""
    sizes = {
        size
        for size in (*spec.native_sizes, *_480P)
        if prod(size) < request.width * request.height
        and (size[1] > size[0]) == (request.height > request.width)
    }
    for width, height in sorted(sizes, key=prod, reverse=True):
        yield replace(request, width=width, height=height)


def _shorter(request: GenerationRequest, spec: CheckpointSpec) -> Iterator[GenerationRequest]:
    """Fewer frames at once, the most first."""
    stride = spec.geometry.temporal_stride
    for num_frames in range(request.segments.num_frames - stride, 0, -stride):
        yield replace(request, num_frames=num_frames)
