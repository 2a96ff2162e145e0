"""How often the host waits for the device while it denoises.

Nothing here is on a GPU: what would be is followed from tensor to tensor instead, and whatever asks one of
those for its value, as `float(t)` or `if t >= boundary` do, would wait for all that is queued there.
"""

from collections import Counter
from typing import Any

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.weak import WeakIdKeyDictionary

from adapters.diffusers import denoising
from domain.generation import SCHEDULERS
from domain.progress import Stage
from domain.rendering import RenderProgress, StageEntered, StepFinished
from tests.integration.runs import our_latents
from tests.integration.test_denoising import TI2V, wanted
from tests.integration.tiny_wans import A14B, T2V_1B, Structure, a_pipe

pytestmark = pytest.mark.slow
aten = torch.ops.aten
#: Operators that give the host a value, or a shape that depends on values.
VALUE = "aten::_local_scalar_dense"
WAITING = {
    aten._local_scalar_dense.default,
    aten.equal.default,
    aten.nonzero.default,
    aten.is_nonzero.default,
    aten._linalg_check_errors.default,
}


class Device(TorchDispatchMode):
    """Follows what lies on the device, and counts how often it is waited for."""

    def __init__(self) -> None:
        super().__init__()
        self._there: Any = WeakIdKeyDictionary()
        self.waits = Counter[str]()

    def take(self, tensor: torch.Tensor) -> None:
        self._there[tensor] = True

    def __torch_dispatch__(self, op: Any, _types: Any, args: Any = (), kwargs: Any = None) -> Any:
        given = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, torch.Tensor)]
        is_there = any(leaf in self._there for leaf in given)
        if is_there and op in WAITING:
            self.waits[op.name()] += 1
        made = op(*args, **(kwargs or {}))
        if is_there or op is aten.randn.generator:
            for leaf in tree_leaves(made):
                if isinstance(leaf, torch.Tensor):
                    self.take(leaf)
        return made


def waits_of_each_step(
    structure: Structure, monkeypatch: pytest.MonkeyPatch, **changes: Any
) -> list[Counter[str]]:
    pipe, device, steps = a_pipe(structure), Device(), list[Counter[str]]()
    for part in (pipe.transformer, pipe.transformer_2):
        for tensor in part.parameters() if part is not None else ():
            device.take(tensor)
    build = denoising.build_scheduler

    def built(*args: Any, **kwargs: Any) -> Any:
        scheduler = build(*args, **kwargs)
        device.take(scheduler.timesteps)
        return scheduler

    monkeypatch.setattr(denoising, "build_scheduler", built)

    def report(progress: RenderProgress) -> None:
        if isinstance(progress, StepFinished):
            steps.append(device.waits.copy())
            device.waits.clear()
        elif progress == StageEntered(stage=Stage.DENOISING):
            device.waits.clear()  # before it the host may wait as it likes

    with device:
        our_latents(pipe, wanted(**changes), report=report)
    return steps


@pytest.mark.parametrize("scheduler", SCHEDULERS)
def test_a_step_waits_once_to_see_that_it_made_something(
    scheduler: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = waits_of_each_step(A14B, monkeypatch, scheduler=scheduler)

    assert steps == [Counter({VALUE: 1})] * 6


def test_where_tokens_share_a_timestep_each_pass_waits_once_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    steps = waits_of_each_step(TI2V, monkeypatch)

    assert steps == [Counter({VALUE: 3})] * 6  # a pass for the prompt, one for the negative prompt


def test_a_wait_that_is_not_needed_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    check = denoising.refuse_broken

    def check_twice(latents: torch.Tensor, **told: Any) -> None:
        if latents.flatten()[0] > 1e9:  # a comparison, as it is easily written
            raise AssertionError
        check(latents, **told)

    monkeypatch.setattr(denoising, "refuse_broken", check_twice)

    assert waits_of_each_step(T2V_1B, monkeypatch, steps=2) == [Counter({VALUE: 2})] * 2
