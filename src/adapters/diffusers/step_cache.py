"""A step cache: steps that would have changed little are taken from the last one that was made.

After EasyCache (Zhou et al. 2025, arXiv 2507.02860), which looks at nothing but what goes into a
transformer and what comes out: how much the velocity changed for a change of the latents tells how much it
will change for the next. Here it is the guided velocity, so that both passes of a step are left out or
neither. No hook is in the network: where its blocks lie, in what precision, and what LoRAs are on does not
matter, and a run that is ended leaves nothing behind.
"""

from typing import Final

import torch

from adapters.diffusers.step_memory import NOTHING_BEHIND, StepMemory
from domain.generation import GenerationRequest
from domain.rendering import Noticed, Report
from domain.shortcuts import may_be_cached

# The tensors it remembers: latents of the step before, of the last step that was made, and its velocity.
_SEEN: Final = "seen"
_GIVEN: Final = "given"
_MADE: Final = "made"
# The numbers: who predicted; how much a velocity changed for a change of the latents; how much it is
# expected to have changed since the last step that was made, relatively; how many steps were left out.
_REGIME: Final = "regime"
_RATE: Final = "rate"
_EXPECTED: Final = "expected"
_LEFT_OUT: Final = "left out"


class StepCache:
    """Belongs to one segment of a run. What it knows of one regime is nothing to another."""

    def __init__(self, request: GenerationRequest, memory: StepMemory = NOTHING_BEHIND) -> None:
        """Takes `memory` of an equal run that goes on here."""
        self._request = request
        self._tensors = dict(memory.tensors)
        self._numbers = dict(memory.numbers)

    @property
    def memory(self) -> StepMemory:
        """What it knows now. The tensors are its own, not copies."""
        return StepMemory(tensors=dict(self._tensors), numbers=dict(self._numbers))

    def tell(self, report: Report, segment: int) -> None:
        """Report how many steps of that segment were left out, where any may be."""
        if self._request.step_cache is not None:
            steps, left_out = self._request.denoising_steps, self._numbers.get(_LEFT_OUT, 0)
            of = f" of segment {segment + 1}" if self._request.segments.count > 1 else ""
            report(Noticed(text=f"Step cache: {left_out} of {steps} steps{of} were left out."))

    def recall(self, step: int, latents: torch.Tensor, regime: int) -> torch.Tensor | None:
        """The velocity for these latents; None where the step has to be made.

        Args:
            regime: what beside the latents decides the velocity, such as which expert predicts it.
        """
        if self._request.step_cache is None:
            return None
        if regime != self._numbers.get(_REGIME):
            self._tensors.clear()
            self._numbers = {_REGIME: regime, _LEFT_OUT: self._numbers.get(_LEFT_OUT, 0)}
        seen = self._tensors.get(_SEEN)
        self._tensors[_SEEN] = latents
        if seen is None or _RATE not in self._numbers or not may_be_cached(self._request, step):
            return None
        given, made = self._tensors[_GIVEN], self._tensors[_MADE]
        self._numbers[_EXPECTED] += self._numbers[_RATE] * _relative(latents - seen, made)
        if not self._numbers[_EXPECTED] < self._request.step_cache:  # nor where it is no number
            return None
        self._numbers[_LEFT_OUT] += 1
        return latents + (made - given)

    def keep(self, latents: torch.Tensor, velocity: torch.Tensor) -> None:
        """Remember the step that was made because `recall` had nothing for it."""
        if self._request.step_cache is None:
            return
        if _MADE in self._tensors:
            change = velocity - self._tensors[_MADE]
            self._numbers[_RATE] = _relative(change, latents - self._tensors[_GIVEN])
        self._tensors |= {_GIVEN: latents, _MADE: velocity}
        self._numbers[_EXPECTED] = 0.0


def _relative(change: torch.Tensor, to: torch.Tensor) -> float:
    """How large it is on average; infinite, or no number, where the other is 0."""
    return float(change.abs().mean() / to.abs().mean())
