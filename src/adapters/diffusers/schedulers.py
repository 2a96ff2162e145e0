"""The samplers that are offered, and what each remembers from step to step.

None of them draws noise after the first latents, so a run's random state is its seed. (Euler would with
`stochastic_sampling`, DPM++ with an `sde` algorithm: both are built here without.)
"""

from collections.abc import Mapping
from typing import Any, Final

import torch
from diffusers import (
    DPMSolverMultistepScheduler,
    FlowMatchEulerDiscreteScheduler,
    UniPCMultistepScheduler,
)

from adapters.diffusers.step_memory import StepMemory
from domain.shortcuts import DISTILLED

#: Attributes that `step` changes, by scheduler: lists of tensors, tensors, whole numbers.
#: Source: `step` and `set_timesteps` in `diffusers.schedulers`, 0.42.
_LISTS: Final[Mapping[type, tuple[str, ...]]] = {
    UniPCMultistepScheduler: ("model_outputs", "timestep_list"),
    DPMSolverMultistepScheduler: ("model_outputs",),
    FlowMatchEulerDiscreteScheduler: (),
}
_TENSORS: Final[Mapping[type, tuple[str, ...]]] = {
    UniPCMultistepScheduler: ("last_sample",),
    DPMSolverMultistepScheduler: (),
    FlowMatchEulerDiscreteScheduler: (),
}
_NUMBERS: Final[Mapping[type, tuple[str, ...]]] = {
    UniPCMultistepScheduler: ("_step_index", "lower_order_nums", "this_order"),
    DPMSolverMultistepScheduler: ("_step_index", "lower_order_nums"),
    FlowMatchEulerDiscreteScheduler: ("_step_index",),
}


def build_scheduler(
    name: str, stored: Any, *, flow_shift: float, steps: int, device: Any, skipped: int = 0
) -> Any:
    """The sampler called `name`, at the first step that is made.

    Args:
        name: one of `domain.generation.SCHEDULERS`.
        stored: the checkpoint's own scheduler; what it says of UniPC beyond the shift is kept.
        skipped: how many of the steps are not made, from the noisiest on.
    """
    train_steps = stored.config.num_train_timesteps
    flow = {"prediction_type": "flow_prediction", "use_flow_sigmas": True, "flow_shift": flow_shift}
    scheduler: Any
    if name == DISTILLED:
        # The steps that such weights were taught: evenly spaced, then shifted; `euler` shifts twice.
        scheduler = FlowMatchEulerDiscreteScheduler(
            num_train_timesteps=train_steps, shift=flow_shift
        )
        sigmas = [1 - step / steps for step in range(steps)]
        scheduler.set_timesteps(sigmas=sigmas, device=device)
        scheduler.set_begin_index(skipped)
        return scheduler
    if name == "euler":
        # Not from the stored configuration: UniPC calls its shift otherwise, and Euler would drop it.
        scheduler = FlowMatchEulerDiscreteScheduler(
            num_train_timesteps=train_steps, shift=flow_shift
        )
    elif name == "dpm++":
        scheduler = DPMSolverMultistepScheduler(
            num_train_timesteps=train_steps, solver_order=2, algorithm_type="dpmsolver++", **flow
        )
    else:
        scheduler = UniPCMultistepScheduler.from_config(stored.config, **flow)
    scheduler.set_timesteps(steps, device=device)
    scheduler.set_begin_index(skipped)
    return scheduler


def add_noise(scheduler: Any, latents: torch.Tensor, noise: torch.Tensor) -> torch.Tensor:
    """Clean `latents` as noisy as `scheduler` wants them before its first step."""
    t = scheduler.timesteps[scheduler.begin_index :][:1]
    noisy: torch.Tensor
    if isinstance(scheduler, FlowMatchEulerDiscreteScheduler):
        noisy = scheduler.scale_noise(latents, t, noise)
    else:
        noisy = scheduler.add_noise(latents, noise, t)
    return noisy


def read_history(scheduler: Any) -> StepMemory:
    """What `scheduler` remembers now. The tensors are its own, not copies."""
    kind = type(scheduler)
    tensors = {name: getattr(scheduler, name) for name in _TENSORS[kind]}
    for name in _LISTS[kind]:
        for index, value in enumerate(getattr(scheduler, name)):
            tensors[f"{name}.{index}"] = value
    return StepMemory(
        tensors={name: value for name, value in tensors.items() if value is not None},
        numbers={name: getattr(scheduler, name) for name in _NUMBERS[kind]},
    )


def write_history(scheduler: Any, history: StepMemory) -> None:
    """Make `scheduler`, at its first step, remember `history` of an equal one, its tensors and all."""
    kind = type(scheduler)
    for name in _TENSORS[kind]:
        setattr(scheduler, name, history.tensors.get(name))
    for name in _LISTS[kind]:
        length = len(getattr(scheduler, name))
        values = [history.tensors.get(f"{name}.{index}") for index in range(length)]
        setattr(scheduler, name, values)
    for name in _NUMBERS[kind]:
        setattr(scheduler, name, history.numbers[name])
