"""The kernel that computes attention: PyTorch's own, or a faster one that is here and gives sane numbers.

A kernel that was built for another torch or another card may be there and give black pictures; so each
is tried against exact arithmetic before it is used (ADR-0029).
"""

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

import torch
import torch.nn.functional as F  # noqa: N812 - as everybody calls it
from diffusers.models.attention_dispatch import (
    AttentionBackendName,
    _check_attention_backend_requirements,
    attention_backend,
    dispatch_attention_fn,
)

from domain.attention import AUTOMATIC, Attention
from domain.errors import WorkerUnavailable

_log = logging.getLogger(__name__)

_NAMES: Final[Mapping[Attention, AttentionBackendName]] = {
    Attention.SDPA: AttentionBackendName.NATIVE,
    Attention.CUDNN: AttentionBackendName._NATIVE_CUDNN,  # noqa: SLF001 - its only name
    Attention.FLASH: AttentionBackendName.FLASH,
    Attention.FLASH_3: AttentionBackendName._FLASH_3,  # noqa: SLF001 - its only name
    Attention.SAGE: AttentionBackendName.SAGE,
}
#: The largest error of a kernel, as a multiple of that of PyTorch's own on the same numbers; of a lossy one,
#: as a share of the largest result.
_EXACT: Final = 1.5
_LOSSY: Final = 0.05
#: Queries, keys and heads that a kernel is tried with: more than one block of each, and none whole.
_TRIED: Final = (300, 257, 4)
_MISSING: Final = "it is not installed, or too old"


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A kernel that was tried. `problem`: why it cannot be used; None where it can. `error`: see `_error`."""

    kernel: Attention
    problem: str | None = None
    error: float | None = None


def try_kernel(
    kernel: Attention, *, head_dim: int, dtype: torch.dtype, device: torch.device
) -> Found:
    """Whether `kernel` is here, and rounds as it may, for heads of that size."""
    if not _is_here(kernel):
        return Found(kernel=kernel, problem=_MISSING)
    try:
        error = _error(kernel, head_dim, dtype, device)
        own = _error(Attention.SDPA, head_dim, dtype, device)
    except (RuntimeError, ValueError, TypeError, NotImplementedError) as refusal:
        told = str(refusal).partition("\n")[0]
        return Found(kernel=kernel, problem=f"it does not run on these numbers: {told}")
    allowed = _LOSSY if kernel.is_lossy else _EXACT * max(own, torch.finfo(dtype).eps)
    if not error <= allowed:  # nan is no less than anything
        problem = f"its results are off by {error:.2g}, and may be by {allowed:.2g}"
        return Found(kernel=kernel, problem=problem, error=error)
    return Found(kernel=kernel, error=error)


def choose_kernel(
    wanted: Attention, *, head_dim: int, dtype: torch.dtype, device: torch.device
) -> Attention:
    """What is to be used where `wanted` is.

    Raises:
        WorkerUnavailable: that very one was wanted, and cannot be used here.
    """
    found = None
    for kernel in AUTOMATIC if wanted is Attention.AUTO else (wanted,):
        found = try_kernel(kernel, head_dim=head_dim, dtype=dtype, device=device)
        if found.problem is None:
            off_by = None if found.error is None else f"{found.error:.1e}"
            _log.info("attention kernel used", extra={"kernel": kernel.value, "off_by": off_by})
            return kernel
        reason = {"kernel": kernel.value, "reason": found.problem}
        _log.info("attention kernel left out", extra=reason)
    raise _unusable(wanted, found.problem if found and found.problem else "")


def survey() -> Mapping[Attention, str | None]:
    """Why each kernel cannot be used here, for the heads of the full-size checkpoints; None where it can."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    return {
        kernel: try_kernel(kernel, head_dim=128, dtype=torch.bfloat16, device=device).problem
        for kernel in _NAMES
    }


def insist_on_kernel(wanted: Attention) -> None:
    """Find at once that what was wanted is not even installed.

    Raises:
        WorkerUnavailable: it is not.
    """
    if wanted is not Attention.AUTO and not _is_here(wanted):
        raise _unusable(wanted, _MISSING)


@contextmanager
def computed_by(kernel: Attention) -> Iterator[None]:
    """Within it, the transformers of diffusers compute attention by `kernel`."""
    with attention_backend(_NAMES[kernel]):
        yield


def _is_here(kernel: Attention) -> bool:
    if kernel is Attention.CUDNN:
        return bool(torch.backends.cudnn.is_available())  # type: ignore[no-untyped-call]
    try:
        _check_attention_backend_requirements(_NAMES[kernel])
    except RuntimeError:
        return False
    return True


def _unusable(wanted: Attention, problem: str) -> WorkerUnavailable:
    return WorkerUnavailable(
        f"pipeline.attention is {wanted}, which cannot be used here: {problem}. "
        "auto takes the fastest that can; wan doctor says which those are."
    )


@torch.no_grad()
def _error(kernel: Attention, head_dim: int, dtype: torch.dtype, device: torch.device) -> float:
    """The largest error of `kernel` on random numbers, as a share of the largest exact result."""
    dice = torch.Generator().manual_seed(0)
    queries, keys, heads = _TRIED

    def drawn(length: int) -> torch.Tensor:
        return torch.randn(1, length, heads, head_dim, generator=dice).to(dtype)

    given = [drawn(queries), drawn(keys), drawn(keys)]  # (1, length, heads, head_dim)
    query, key, value = (tensor.double().transpose(1, 2) for tensor in given)
    exact = F.scaled_dot_product_attention(query, key, value)
    made: Any = dispatch_attention_fn(
        *(tensor.to(device) for tensor in given), backend=_NAMES[kernel]
    )
    off = (made.double().cpu().transpose(1, 2) - exact).abs().max() / exact.abs().max()
    return float(off)
