"""What a run has made so far, as bytes from which an equal run goes on.

A safetensors file: the latents and the scheduler's tensors, and as its metadata the step, the scheduler's
numbers and the identity of the run.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Final, TypeAlias

import safetensors.torch
import torch
from safetensors import SafetensorError

from adapters.diffusers.step_memory import NOTHING_BEHIND, StepMemory
from domain.resume import ResumePoints

#: Everything that decides the bits of a run's latents, by name.
Identity: TypeAlias = Mapping[str, str | int | float | None]

#: Grows whenever older bytes mean something else.
FORMAT: Final = "wan-studio-run/1"
_LATENTS: Final = "latents"
#: The parts of what was made before, one of each segment that is done, in their order.
_DONE: Final = "done."
#: The parts of what it remembers, by what their tensors' names begin with.
_HISTORY: Final = "scheduler."
_CACHE: Final = "step_cache."
#: Values longer than this are not told, only that they differ.
_TOLD_CHARACTERS: Final = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class RunState:
    """A run after `step` steps: its noisy latents, (1, C, T, H, W), and the memory of sampler and step cache.

    All three are the present segment's; `done` are the clean latents of those before it.
    """

    step: int
    latents: torch.Tensor
    history: StepMemory
    cache: StepMemory = NOTHING_BEHIND
    done: tuple[torch.Tensor, ...] = ()

    def on(self, device: torch.device) -> "RunState":
        """The same, its tensors there; what is done stays where it is."""
        return replace(
            self,
            latents=self.latents.to(device),
            history=self.history.on(device),
            cache=self.cache.on(device),
        )


def to_bytes(state: RunState, identity: Identity) -> bytes:
    """`state` and whose it is. Copies the tensors to the host, and keeps none of the copies."""
    tensors = {
        _LATENTS: state.latents,
        **{f"{_DONE}{segment}": latents for segment, latents in enumerate(state.done)},
        **{_HISTORY + name: tensor for name, tensor in state.history.tensors.items()},
        **{_CACHE + name: tensor for name, tensor in state.cache.tensors.items()},
    }
    told = {
        "step": state.step,
        "numbers": dict(state.history.numbers),
        "cache": dict(state.cache.numbers),
        "identity": dict(identity),
    }
    return safetensors.torch.save(
        # Copies, also on a CPU: a timestep is a view of all of them, which the format refuses.
        {name: tensor.detach().to("cpu", copy=True) for name, tensor in tensors.items()},
        metadata={"format": FORMAT, "run": json.dumps(told)},
    )


def begun_run(resume: ResumePoints, identity: Callable[[int], Identity]) -> RunState | None:
    """What an earlier, equal run left; None where the run begins at the first step.

    Tells `resume` which of the two it is, and why.

    Args:
        identity: of this run in each of its segments.
    """
    saved = resume.load()
    if saved is None:
        return None
    try:
        state, whose = _from_bytes(saved)
    except (SafetensorError, ValueError, KeyError, TypeError):
        resume.reject("What was saved is in a format that this version does not read.")
        return None
    if difference := _difference(whose, identity(len(state.done))):
        resume.reject(difference)
        return None
    resume.accept(state.step)
    return state


def _from_bytes(saved: bytes) -> tuple[RunState, Identity]:
    tensors = safetensors.torch.load(saved)
    metadata = json.loads(saved[8 : 8 + int.from_bytes(saved[:8], "little")])["__metadata__"]
    if metadata["format"] != FORMAT:
        raise ValueError(metadata["format"])
    told = json.loads(metadata["run"])
    done = _named(_DONE, tensors)
    state = RunState(
        step=told["step"],
        latents=tensors[_LATENTS],
        history=StepMemory(tensors=_named(_HISTORY, tensors), numbers=told["numbers"]),
        cache=StepMemory(tensors=_named(_CACHE, tensors), numbers=told.get("cache", {})),
        done=tuple(done[str(segment)] for segment in range(len(done))),
    )
    return state, told["identity"]


def _named(part: str, tensors: Mapping[str, torch.Tensor]) -> Mapping[str, torch.Tensor]:
    return {
        name.removeprefix(part): tensor for name, tensor in tensors.items() if name.startswith(part)
    }


def _difference(saved: Identity, identity: Identity) -> str | None:
    """A sentence that names the first thing the two runs do not share; None where there is no such.

    What one of them does not have is what the other calls None: a later version may know more of it.
    """
    names = (name for name in (*identity, *saved) if saved.get(name) != identity.get(name))
    name = next(names, None)
    if name is None:
        return None
    was, is_now = str(saved.get(name)), str(identity.get(name))
    values = "" if max(len(was), len(is_now)) > _TOLD_CHARACTERS else f" ({was}, now {is_now})"
    return f"What was saved differs from this run in {name.replace('_', ' ')}{values}."
