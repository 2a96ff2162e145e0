"""Layers that multiply in fp8: the arithmetic, the choice of how it is done, and what is refused."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from typing import Any

import pytest
import torch

from adapters.diffusers.fp8_weights import (
    AFTERWARDS,
    BY_ROWS,
    Fp8Linear,
    Product,
    choose_product,
    to_fp8,
)
from adapters.diffusers.run_state import _from_bytes
from adapters.diffusers.video_pipeline import DiffusersVideoPipeline
from adapters.filesystem.checkpoint_catalog import read_checkpoint
from domain.checkpoint import checkpoint_spec
from domain.errors import OutOfAcceleratorMemory
from domain.local_checkpoint import LocalCheckpoint
from domain.placement import ALL_RESIDENT
from domain.run import Run
from domain.shortcuts import PrecisionUnusable
from domain.structure import Precision
from tests.fakes.examples import a_request
from tests.fakes.resume_points import FakeResumePoints
from tests.integration.tiny_wans import make_checkpoint

pytestmark = pytest.mark.slow

HOST = torch.device("cpu")
#: Of e4m3: half a step of its three bits of fraction; and of its smallest numbers, which have fewer.
ROUNDING, SMALLEST_STEP = 2.0**-4, 2.0**-9
ASKED = a_request(checkpoint="t2v-A14B", width=32, height=32, num_frames=5, steps=2, flow_shift=5.0)


@pytest.fixture(autouse=True)
def same_numbers() -> None:
    torch.manual_seed(3)


def undone(matrix: torch.Tensor) -> torch.Tensor:
    kept, scale = to_fp8(matrix)
    return kept.double() * scale


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_number_is_off_by_its_own_rounding_and_the_scale_by_none(dtype: torch.dtype) -> None:
    matrix = (torch.randn(64, 256) * torch.logspace(-6, 6, 64)[:, None]).to(dtype)
    before = matrix.clone()

    kept, scale = to_fp8(matrix)

    assert torch.equal(matrix, before)
    assert (kept.dtype, scale.dtype, scale.shape) == (torch.float8_e4m3fn, torch.float32, (64, 1))
    assert torch.equal(torch.frexp(scale).mantissa, torch.full_like(scale, 0.5))
    assert ((kept.float().abs().amax(dim=1) >= 128) & kept.float().isfinite().all(dim=1)).all()
    bound = matrix.double().abs() * ROUNDING + scale.double() * SMALLEST_STEP / 2
    assert ((undone(matrix) - matrix.double()).abs() <= bound).all()


@pytest.mark.parametrize("largest", [1.0, 255.9, 256.0, 447.0, 448.0, 1e38, 1e-38, 0.0])
def test_no_row_is_too_large_or_too_small(largest: float) -> None:
    row = torch.linspace(-largest, largest, 17)[None]

    assert torch.isfinite(undone(row)).all()
    assert (undone(row) - row).abs().max() <= largest * ROUNDING + 2.0**-100


@pytest.mark.parametrize("product", [BY_ROWS, AFTERWARDS])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("bias", [True, False])
def test_a_layer_gives_what_the_rounded_numbers_do(
    product: Product, dtype: torch.dtype, bias: bool
) -> None:
    plain = torch.nn.Linear(256, 96, bias=bias).to(dtype)
    given = (torch.randn(2, 5, 256) * torch.logspace(-3, 3, 5)[:, None]).to(dtype)

    with torch.no_grad():
        made = Fp8Linear(plain, HOST, product)(given)
        exact = undone(given.flatten(0, 1)) @ undone(plain.weight).T
        exact += plain.bias.double() if bias else 0

    assert (made.shape, made.dtype) == ((2, 5, 96), dtype)
    off = (made.double().flatten(0, 1) - exact).abs().amax(dim=1) / exact.abs().amax(dim=1)
    assert (off < 4 * torch.finfo(dtype).eps).all()


def test_what_is_given_need_not_lie_in_one_piece() -> None:
    layer = Fp8Linear(torch.nn.Linear(32, 16), HOST, BY_ROWS)
    given = torch.randn(3, 32, 4).transpose(1, 2)

    with torch.no_grad():
        assert torch.equal(layer(given), layer(given.contiguous()))


def test_the_kernel_that_knows_the_scales_is_taken_where_it_works() -> None:
    assert choose_product(torch.bfloat16, HOST) is BY_ROWS


def refusing(*_: Any) -> torch.Tensor:
    raise ValueError("Rowwise scaling is not currently supported on your device\nand more")


def one_scale_for_all(rows: Any, row_scale: Any, weight: Any, scale: Any, *more: Any) -> Any:
    """A kernel that takes a scale for each row, and uses the first."""
    return BY_ROWS.multiply(rows, row_scale[:1].expand(len(rows), 1), weight, scale, *more)


@pytest.mark.parametrize("bad", [refusing, one_scale_for_all])
def test_one_that_refuses_or_is_wrong_is_passed_over(bad: Any) -> None:
    assert choose_product(torch.bfloat16, HOST, (Product("bad", bad), AFTERWARDS)) is AFTERWARDS


def test_where_none_works_the_reason_is_told() -> None:
    with pytest.raises(PrecisionUnusable, match=r"fp8: Rowwise .* on your device\. It takes an"):
        choose_product(torch.bfloat16, HOST, (Product("bad", refusing),))


def test_a_card_that_is_full_says_nothing_of_fp8() -> None:
    def full(*_: Any) -> torch.Tensor:
        raise torch.OutOfMemoryError

    with pytest.raises(OutOfAcceleratorMemory):
        choose_product(torch.bfloat16, HOST, (Product("full", full), AFTERWARDS))


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> LocalCheckpoint:
    folder = make_checkpoint("t2v-A14B", tmp_path_factory.mktemp("models"))
    return read_checkpoint(checkpoint_spec("t2v-A14B"), folder)


@pytest.fixture(scope="module")
def pipeline() -> Iterator[DiffusersVideoPipeline]:
    with closing(DiffusersVideoPipeline(HOST)) as pipeline:  # in an accelerator's place
        yield pipeline


def made(
    pipeline: DiffusersVideoPipeline, run: Run, saved: bytes | None = None
) -> tuple[bytes, FakeResumePoints]:
    resume = FakeResumePoints(saved, due=(1,))
    chunks = pipeline.generate(run, lambda _: None, resume)
    return b"".join(chunk.rgb.tobytes() for chunk in chunks), resume


def test_what_is_asked_for_is_done_whatever_was_planned(
    pipeline: DiffusersVideoPipeline, checkpoint: LocalCheckpoint
) -> None:
    exact = Run(request=ASKED, checkpoint=checkpoint)
    asked = Run(request=replace(ASKED, precision="fp8"), checkpoint=checkpoint)
    planned = replace(asked, placement=replace(ALL_RESIDENT, precision=Precision.FP8))

    (plain, of_exact), (unplanned, of_asked) = made(pipeline, exact), made(pipeline, asked)

    assert unplanned == made(pipeline, planned)[0] != plain
    kept = [_from_bytes(it.points[1])[1] for it in (of_exact, of_asked)]
    told = [(it["precision"], it["fp8 product"]) for it in kept]
    assert told == [("bf16", None), ("fp8", "by rows")]


def test_what_was_saved_in_bf16_is_not_gone_on_from_in_fp8(
    pipeline: DiffusersVideoPipeline, checkpoint: LocalCheckpoint
) -> None:
    saved = made(pipeline, Run(request=ASKED, checkpoint=checkpoint))[1].points[1]
    asked = Run(request=replace(ASKED, precision="fp8"), checkpoint=checkpoint)

    rejected = made(pipeline, asked, saved)[1].rejected

    assert rejected == "What was saved differs from this run in precision (bf16, now fp8)."


def test_where_it_cannot_be_done_it_is_refused_before_anything_is_loaded(
    checkpoint: LocalCheckpoint,
) -> None:
    loads: list[object] = []
    cannot = DiffusersVideoPipeline(torch.device("meta"), load=lambda *it: loads.append(it))  # type: ignore[arg-type,return-value,func-returns-value]
    run = Run(request=replace(ASKED, precision="fp8"), checkpoint=checkpoint)

    with pytest.raises(PrecisionUnusable):
        made(cannot, run)

    assert loads == []
