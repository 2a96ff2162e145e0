"""Layers that keep their weights in int8: the arithmetic, and what it costs."""

import pytest
import torch

from adapters.diffusers.int8_weights import Int8Linear, to_int8
from domain.known_structures import STRUCTURES
from domain.structure import Precision, Structure, int8_group
from tests.integration.live_bytes import LiveBytes

pytestmark = pytest.mark.slow

HOST = torch.device("cpu")


@pytest.fixture(autouse=True)
def same_numbers() -> None:
    torch.manual_seed(3)


def undone(weight: torch.Tensor) -> torch.Tensor:
    whole, scale = to_int8(weight)
    return (whole * scale.float()).flatten(1)


@pytest.mark.parametrize(("row", "group"), [(5120, 128), (13824, 128), (416, 32), (24, 8), (7, 1)])
def test_so_many_numbers_of_a_row_share_a_scale(row: int, group: int) -> None:
    whole, scale = to_int8(torch.randn(3, row))

    assert int8_group(row) == group
    assert (whole.dtype, whole.shape) == (torch.int8, (3, row // group, group))
    assert (scale.dtype, scale.shape) == (torch.bfloat16, (3, row // group, 1))


def test_a_number_is_off_by_half_a_step_of_its_group_at_most() -> None:
    weight = torch.randn(64, 256) * torch.logspace(-6, 6, 64)[:, None]
    before = weight.clone()

    whole, scale = to_int8(weight)

    assert torch.equal(weight, before)
    assert (whole.abs().amax(dim=2) >= 126).all()
    off = (whole * scale.float() - weight.unflatten(1, (2, 128))).abs()
    # Where a scale was rounded down, the largest number of its group is cut: by 127 / 512 at most.
    assert (off <= 0.76 * scale.float()).all()
    assert (off <= 0.5001 * scale.float()).float().mean() > 0.99


def test_a_row_of_nothing_stays_nothing() -> None:
    assert not undone(torch.zeros(2, 8)).any()


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("bias", [True, False])
def test_a_layer_gives_what_its_undone_weights_would(dtype: torch.dtype, bias: bool) -> None:
    plain = torch.nn.Linear(256, 96, bias=bias).to(dtype)
    given = torch.randn(5, 256).to(dtype)
    kept = Int8Linear(plain, HOST)

    with torch.no_grad():
        made = kept(given)
        weight = undone(plain.weight).double()
        whole = given.double() @ weight.T + (plain.bias.double() if bias else 0)

    # One rounding of each weight, one of the sum.
    bound = 2 * torch.finfo(dtype).eps * (given.double().abs() @ weight.abs().T + 1)
    assert made.dtype is dtype
    assert ((made.double() - whole).abs() < bound).all()


def test_it_loses_less_than_fp8_also_where_a_row_has_one_large_number() -> None:
    weight = torch.randn(96, 5120)
    with_large = weight.clone()
    with_large[:, 77] = 30

    def lost(kept: torch.Tensor, weight: torch.Tensor) -> float:
        return float((kept - weight).norm() / weight.norm())

    for given, times in ((weight, 3), (with_large, 2)):
        assert times * lost(undone(given), given) < lost(
            given.to(torch.float8_e4m3fn).float(), given
        )


def test_a_layer_at_work_takes_what_is_planned_for() -> None:
    structure: Structure = STRUCTURES["t2v-1.3B"]
    width, ffn = structure.transformer.width, structure.transformer.ffn_width
    layer = Int8Linear(torch.nn.Linear(width, ffn).bfloat16(), HOST)
    given = torch.zeros(1, width, dtype=torch.bfloat16)

    with torch.no_grad(), LiveBytes([*layer.parameters(), given]) as live:
        layer(given)

    assert live.peak == pytest.approx(structure.workspace_bytes(Precision.INT8), rel=0.01)
