"""Convolutions by rows have torch's own bits, or are not used."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import AutoencoderKLWan

import adapters.embedded
from adapters.diffusers import small_convolutions
from adapters.diffusers.small_convolutions import convolve_by_rows
from adapters.diffusers.streamed_decode import decode_frames

pytestmark = pytest.mark.slow
GIVEN = torch.randn(1, 16, 5, 26, 26, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def wholes(monkeypatch: pytest.MonkeyPatch) -> list[torch.Size]:
    """What torch itself convolved."""
    seen: list[torch.Size] = []
    usual = torch.nn.Conv3d._conv_forward

    def watched(layer: Any, given: torch.Tensor, *rest: Any) -> torch.Tensor:
        seen.append(given.shape)
        return usual(layer, given, *rest)

    monkeypatch.setattr(torch.nn.Conv3d, "_conv_forward", watched)
    return seen


def convolved(times: int, **differs: Any) -> Sequence[torch.Tensor]:
    """By a plain layer, and by one that may do it by rows, `times` times."""
    torch.manual_seed(1)
    layer = torch.nn.Conv3d(**{"in_channels": 16, "out_channels": 8, "kernel_size": 3, **differs})
    with torch.no_grad():
        plain = layer(GIVEN)
        convolve_by_rows(layer)
        return [plain, *(layer(GIVEN) for _ in range(times))]


def test_a_shape_that_was_tried_once_is_made_by_rows_with_the_same_bits(
    wholes: list[torch.Size],
) -> None:
    plain, *made = convolved(3)

    assert all(torch.equal(plain, one) for one in made)
    assert len(wholes) == 2, "the plain layer's, and the one that was tried"


def test_where_the_bits_differ_torch_goes_on(
    wholes: list[torch.Size], monkeypatch: pytest.MonkeyPatch
) -> None:
    usual = small_convolutions.by_rows
    monkeypatch.setattr(small_convolutions, "by_rows", lambda *given: usual(*given) + 1e-6)

    plain, *made = convolved(3)

    assert all(torch.equal(plain, one) for one in made)
    assert len(wholes) == 4


@pytest.mark.parametrize(
    "differs",
    [{"padding": 1}, {"stride": 2}, {"bias": False}, {"groups": 4}, {"dilation": 2}],
    ids=str,
)
def test_other_convolutions_are_torchs(differs: dict[str, Any], wholes: list[torch.Size]) -> None:
    plain, *made = convolved(3, **differs)

    assert all(torch.equal(plain, one) for one in made)
    assert len(wholes) == 4


def test_mini_decodes_to_the_same_bits() -> None:
    folder = Path(adapters.embedded.__path__[0]) / "mini" / "vae"
    plain, by_rows = (
        AutoencoderKLWan.from_pretrained(folder, torch_dtype=torch.float32) for _ in range(2)
    )
    convolve_by_rows(by_rows)
    latents = torch.randn(1, 16, 3, 8, 8, generator=torch.Generator().manual_seed(0))

    wanted = torch.cat([*decode_frames(plain, latents)], dim=1)

    for _ in range(2):
        assert torch.equal(torch.cat([*decode_frames(by_rows, latents)], dim=1), wanted)
