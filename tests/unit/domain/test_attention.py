"""Which kernels `auto` tries."""

import pytest

from domain.attention import Attention, candidates


@pytest.mark.parametrize("capability", [(9, 0), (10, 0)])
def test_cudnn_comes_after_flash_3_where_it_beats_flash_2(capability: tuple[int, int]) -> None:
    assert candidates(capability) == (Attention.FLASH_3, Attention.CUDNN, Attention.SDPA)


@pytest.mark.parametrize("capability", [None, (8, 0), (8, 9), (12, 0)])
def test_elsewhere_it_changes_no_bits_unasked(capability: tuple[int, int] | None) -> None:
    assert candidates(capability) == (Attention.FLASH_3, Attention.SDPA)


def test_auto_tries_no_lossy_kernel() -> None:
    assert not any(kernel.is_lossy for kernel in candidates((9, 0)))
