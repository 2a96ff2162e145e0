"""Stand-ins for the kernels that need a GPU: functions in diffusers' own registry that round as they would."""

from collections.abc import Callable
from typing import TypeAlias

import pytest
import torch
import torch.nn.functional as F  # noqa: N812 - as everybody calls it
from diffusers.models import attention_dispatch as dispatch
from diffusers.models.attention_dispatch import AttentionBackendName

from domain.attention import Attention

OTHERS = (Attention.CUDNN, Attention.FLASH, Attention.FLASH_3, Attention.SAGE)
_IN_DIFFUSERS = {
    Attention.CUDNN: (AttentionBackendName._NATIVE_CUDNN, None),
    Attention.FLASH: (AttentionBackendName.FLASH, "_CAN_USE_FLASH_ATTN"),
    Attention.FLASH_3: (AttentionBackendName._FLASH_3, "_CAN_USE_FLASH_ATTN_3"),
    Attention.SAGE: (AttentionBackendName.SAGE, "_CAN_USE_SAGE_ATTN"),
}
Kernel: TypeAlias = Callable[[torch.Tensor, torch.Tensor, torch.Tensor], torch.Tensor]
Install: TypeAlias = Callable[[Attention, Kernel], None]


def exact(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor) -> torch.Tensor:
    """As a good kernel computes it: rounded once, at the end."""
    wide = (tensor.float().transpose(1, 2) for tensor in (query, key, value))
    return F.scaled_dot_product_attention(*wide).transpose(1, 2).to(query.dtype)  # type: ignore[arg-type]


def in_8_bits(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor) -> torch.Tensor:
    """As Sage does: queries and keys by 255 steps each."""

    def rounded(tensor: torch.Tensor) -> torch.Tensor:
        step = tensor.float().abs().amax(dim=-1, keepdim=True) / 127
        return (tensor.float() / step).round() * step

    return exact(rounded(query), rounded(key), value.float()).to(query.dtype)


def installer(monkeypatch: pytest.MonkeyPatch) -> Install:
    """Puts a kernel in the place of a package's, until the test is over."""
    registry = dispatch._AttentionBackendRegistry

    def put(kernel: Attention, function: Kernel) -> None:
        name, flag = _IN_DIFFUSERS[kernel]
        if flag is None:
            monkeypatch.setattr(torch.backends.cudnn, "is_available", lambda: True)
        else:
            monkeypatch.setattr(dispatch, flag, True)
        monkeypatch.setitem(
            registry._backends, name, lambda query, key, value: function(query, key, value)
        )
        monkeypatch.setitem(registry._supported_arg_names, name, {"query", "key", "value"})

    return put
