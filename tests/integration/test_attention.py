"""Which kernel computes attention, and what happens to one that is not what it should be.

Only PyTorch's own runs on a CPU: the others are stood in for, in diffusers' own registry, by functions that
round as they would.
"""

from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F  # noqa: N812 - as everybody calls it
from diffusers import WanTransformer3DModel
from diffusers.models import attention_dispatch as dispatch
from diffusers.models.attention_dispatch import AttentionBackendName
from torch._subclasses import FakeTensorMode

import adapters.embedded
from adapters.diffusers.attention import choose_kernel, computed_by, survey, try_kernel
from adapters.diffusers.run_state import _from_bytes
from adapters.diffusers.video_pipeline import DiffusersVideoPipeline
from adapters.filesystem.checkpoint_catalog import FilesystemCheckpointCatalog
from domain.attention import Attention
from domain.errors import WorkerUnavailable
from domain.rendering import RenderProgress
from domain.run import Run
from domain.structure import Precision
from tests.fakes.examples import a_request
from tests.fakes.resume_points import FakeResumePoints
from tests.integration.kernels import OTHERS, Install, Kernel, exact, in_8_bits, installer
from tests.integration.live_bytes import LiveBytes
from tests.integration.test_activations import loaded
from tests.integration.test_structures import SHARED, TRANSFORMERS

pytestmark = pytest.mark.slow
MINI = FilesystemCheckpointCatalog([Path(adapters.embedded.__path__[0])]).find("mini")
HEADS: dict[str, Any] = {"head_dim": 64, "dtype": torch.bfloat16, "device": torch.device("cpu")}


def black(query: torch.Tensor, _key: torch.Tensor, _value: torch.Tensor) -> torch.Tensor:
    """As one that was built for another card."""
    return torch.zeros_like(query)


def not_numbers(query: torch.Tensor, _key: torch.Tensor, _value: torch.Tensor) -> torch.Tensor:
    return torch.full_like(query, torch.nan)


def of_copies(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor) -> torch.Tensor:
    """As diffusers calls cuDNN."""
    copies = (it.permute(0, 2, 1, 3).contiguous() for it in (query, key, value))
    query, key, value = copies
    return F.scaled_dot_product_attention(query, key, value).permute(0, 2, 1, 3)


def refuses(_query: torch.Tensor, _key: torch.Tensor, _value: torch.Tensor) -> torch.Tensor:
    raise RuntimeError("FlashAttention only supports Ampere GPUs or newer.\nand so on")


@pytest.fixture
def install(monkeypatch: pytest.MonkeyPatch) -> Install:
    return installer(monkeypatch)


def test_where_nothing_else_is_installed_it_is_pytorchs_own() -> None:
    problems = survey()

    assert choose_kernel(Attention.AUTO, **HEADS) is Attention.SDPA
    assert problems[Attention.SDPA] is None
    assert all("not installed" in (problems[kernel] or "") for kernel in OTHERS)


def test_a_fast_kernel_that_rounds_no_worse_is_taken(install: Install) -> None:
    install(Attention.FLASH_3, exact)

    assert choose_kernel(Attention.AUTO, **HEADS) is Attention.FLASH_3


def test_cudnn_is_taken_where_it_is_named(install: Install) -> None:
    install(Attention.CUDNN, exact)

    assert choose_kernel(Attention.CUDNN, **HEADS) is Attention.CUDNN
    assert choose_kernel(Attention.AUTO, **HEADS) is Attention.SDPA


def test_diffusers_own_call_of_cudnn_is_refused_where_there_is_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(torch.backends.cudnn, "is_available", lambda: True)

    assert "does not run on these numbers" in (try_kernel(Attention.CUDNN, **HEADS).problem or "")


@pytest.mark.parametrize("checkpoint_id", ["t2v-A14B", "t2v-1.3B", "ti2v-5B"])
def test_the_copies_that_cudnn_is_given_are_no_more_than_the_peak_elsewhere(
    checkpoint_id: str, install: Install
) -> None:
    # diffusers makes queries, keys and values contiguous first: 2.2 GiB of A14B at 720p.
    install(Attention.CUDNN, of_copies)
    config = SHARED | TRANSFORMERS[checkpoint_id] | {"num_layers": 2}
    peaks = []
    for kernel in (Attention.SDPA, Attention.CUDNN):
        with FakeTensorMode(), torch.no_grad():
            expert = loaded(WanTransformer3DModel(**config), Precision.BF16)
            latents = torch.empty(1, config["in_channels"], 21, 90, 160, dtype=torch.bfloat16)
            text = torch.empty(1, 512, config["text_dim"], dtype=torch.bfloat16)
            with computed_by(kernel), LiveBytes([*expert.parameters(), latents, text]) as live:
                expert(latents, torch.empty(1), text, return_dict=False)
        peaks.append(live.peak)

    assert peaks[0] == peaks[1]


@pytest.mark.parametrize("kernel", [Attention.FLASH, Attention.SAGE, Attention.CUDNN])
def test_what_gains_nothing_or_is_lossy_is_taken_only_where_it_is_asked_for(
    kernel: Attention, install: Install
) -> None:
    install(kernel, exact)

    assert choose_kernel(Attention.AUTO, **HEADS) is Attention.SDPA
    assert choose_kernel(kernel, **HEADS) is kernel


@pytest.mark.parametrize("broken", [black, not_numbers, refuses])
@pytest.mark.parametrize("kernel", OTHERS)
def test_a_broken_kernel_is_found_out(kernel: Attention, broken: Kernel, install: Install) -> None:
    install(kernel, broken)

    assert choose_kernel(Attention.AUTO, **HEADS) is Attention.SDPA
    with pytest.raises(WorkerUnavailable, match=f"pipeline.attention is {kernel}, which cannot"):
        choose_kernel(kernel, **HEADS)


def test_a_lossy_kernel_may_be_lossy_and_no_other(install: Install) -> None:
    for kernel in (Attention.SAGE, Attention.FLASH_3):
        install(kernel, in_8_bits)

    lossy, exact_one = (try_kernel(k, **HEADS) for k in (Attention.SAGE, Attention.FLASH_3))

    assert lossy.problem is None
    assert lossy.error == exact_one.error
    assert "off by" in (exact_one.problem or "")


def test_one_that_is_asked_for_and_not_installed_is_refused_before_anything_is_loaded() -> None:
    with pytest.raises(WorkerUnavailable, match="sage, which cannot be used here: it is not inst"):
        DiffusersVideoPipeline(attention=Attention.SAGE)


def unheard(_progress: RenderProgress) -> None:
    """Nobody listens."""


def test_the_kernel_that_is_used_is_in_the_recipe_and_in_what_is_saved(install: Install) -> None:
    calls: list[int] = []

    def counted(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor) -> torch.Tensor:
        calls.append(1)
        return exact(query, key, value)

    install(Attention.FLASH_3, counted)
    run = Run(request=a_request(width=32, height=32, num_frames=5, steps=2), checkpoint=MINI)
    saved, recipes = list[object](), list[Any]()
    for asked in (Attention.SDPA, Attention.AUTO):
        pipeline, resume = DiffusersVideoPipeline(attention=asked), FakeResumePoints()
        list(pipeline.generate(run, unheard, resume))
        saved.append(_from_bytes(resume.points[2])[1]["attention_backend"])
        recipes.append(pipeline.ways())

    assert recipes == [{}, {"attention": "flash-3"}]
    assert len(set(saved)) == 2
    assert len(calls) > 2  # not the trial alone
    assert dispatch._AttentionBackendRegistry._active_backend is AttentionBackendName.NATIVE
