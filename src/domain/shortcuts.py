"""What of a run may be left out or rounded for speed, each at a stated loss; nothing is by default.

These are fields of the request: a video that was made so can be made so again.
"""

from collections.abc import Sequence
from typing import Final, Protocol

from domain.errors import RenderError, Violation
from domain.structure import Precision

#: A larger one leaves out every step that it may.
MAX_STEP_CACHE: Final = 1.0
#: The share of the steps before which none is taken from the cache.
#: Source: EasyCache (arXiv 2507.02860) computes 7 of 50 steps of Wan2.1 first.
STEP_CACHE_FROM: Final = 0.15
#: Two must be made before a third can be foretold, and the last one is always made.
_FEWEST_CACHED_STEPS: Final = 4
#: What may be asked for in place of what the weights were made in.
PRECISIONS: Final = (Precision.FP8.value,)
#: The scheduler of step-distilled weights.
DISTILLED: Final = "distilled"


class PrecisionUnusable(RenderError):
    """This machine cannot compute in the precision that was asked for."""

    code = "precision-unusable"


class Asked(Protocol):
    """What of a request these rules look at: see `domain.generation.GenerationRequest`."""

    @property
    def steps(self) -> int: ...
    @property
    def denoising_steps(self) -> int: ...
    @property
    def scheduler(self) -> str: ...
    @property
    def guidance_high_noise(self) -> float: ...
    @property
    def guidance_low_noise(self) -> float: ...
    @property
    def guidance_until(self) -> float | None: ...
    @property
    def step_cache(self) -> float | None: ...
    @property
    def loras_from(self) -> float | None: ...
    @property
    def loras(self) -> Sequence[object]: ...
    @property
    def precision(self) -> str | None: ...


def is_before(share: float, step: int, request: Asked) -> bool:
    """Whether `step`, of those that are made, from 1, begins before that share of all steps is behind.

    Where a video is made anew, the steps that are not made are behind: a share means the same noise.
    """
    behind = request.steps - request.denoising_steps + step - 1
    return behind < share * request.steps


def is_guided(request: Asked, step: int) -> bool:
    """Whether that step is pushed away from the negative prompt, if its expert's guidance says so."""
    until = request.guidance_until
    return until is None or is_before(until, step, request)


def guided_steps(request: Asked) -> int:
    """How many steps have a forward for the negative prompt, too; at most, where one expert has none."""
    if max(request.guidance_high_noise, request.guidance_low_noise) <= 1.0:
        return 0
    return sum(is_guided(request, step) for step in range(1, request.denoising_steps + 1))


def wears_loras(request: Asked, step: int) -> bool:
    """Whether the LoRAs are on in that step."""
    return request.loras_from is None or not is_before(request.loras_from, step, request)


def may_be_cached(request: Asked, step: int) -> bool:
    """Whether that step may be taken from what the steps before it made."""
    return (
        request.step_cache is not None
        and step < request.denoising_steps
        and not is_before(STEP_CACHE_FROM, step, request)
    )


def told_of_shortcuts(request: Asked) -> tuple[str, ...]:
    """A sentence for each that is taken."""
    told = []
    if request.guidance_until is not None:
        told.append(
            f"Guidance ends early: {guided_steps(request)} of {request.denoising_steps} steps have a "
            "second forward."
        )
    if request.step_cache is not None:
        told.append(
            "The step cache leaves out steps that would change little: how many depends on the video, "
            "so the forwards are the most it can be."
        )
    if request.loras_from is not None:
        worn = sum(wears_loras(request, step + 1) for step in range(request.denoising_steps))
        told.append(f"The LoRAs are on in the last {worn} of {request.denoising_steps} steps.")
    return tuple(told)


def check_shortcuts(request: Asked) -> list[Violation]:
    """What of them cannot be meant, alone or together."""
    return [
        *_check_share("/guidance_until", request.guidance_until),
        *_check_share("/loras_from", request.loras_from),
        *_check_loras_from(request),
        *_check_step_cache(request),
        *_check_precision(request),
    ]


def _check_share(pointer: str, share: float | None) -> list[Violation]:
    if share is None or 0.0 <= share <= 1.0:
        return []
    nearest = (1.0,) if share > 1.0 else (0.0,)  # not a number is neither: 0
    reason = f"{share} is no share of the steps: 0 to 1"
    return [Violation(pointer=pointer, reason=reason, nearest=nearest)]


def _check_loras_from(request: Asked) -> list[Violation]:
    if request.loras_from is None or request.loras:
        return []
    return [
        Violation(pointer="/loras_from", reason="says when LoRAs are put on, and there are none")
    ]


def _check_precision(request: Asked) -> list[Violation]:
    if request.precision in {None, *PRECISIONS}:
        return []
    reason = f"{request.precision!r} is not offered; left out, it is what the weights were made in"
    return [Violation(pointer="/precision", reason=reason, nearest=PRECISIONS)]


def _check_step_cache(request: Asked) -> list[Violation]:
    threshold, pointer = request.step_cache, "/step_cache"
    if threshold is None:
        return []
    if not 0.0 <= threshold <= MAX_STEP_CACHE:
        reason = f"{threshold} is outside 0 to {MAX_STEP_CACHE}"
        nearest = (MAX_STEP_CACHE,) if threshold > MAX_STEP_CACHE else (0.0,)
        return [Violation(pointer=pointer, reason=reason, nearest=nearest)]
    if request.scheduler == DISTILLED:
        reason = "step-distilled weights have no step that could be left out"
        return [Violation(pointer=pointer, reason=reason, nearest=(0.0,))]
    if request.denoising_steps < _FEWEST_CACHED_STEPS:
        reason = (
            f"{request.denoising_steps} steps have none that could be left out: it takes "
            f"{_FEWEST_CACHED_STEPS}"
        )
        return [Violation(pointer=pointer, reason=reason, nearest=(0.0,))]
    return []
