"""Linear layers that multiply in fp8 (e4m3): their weights, rounded once, by what they are given, rounded row by row.

A scale is a power of two, so that scaling rounds nothing, wherever it is done: in the kernel, for each row of
both, or after one that knows no rows, with the same numbers. Which of the two is tried before it is used (ADR-0053).
"""

import functools
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import torch
from torch.nn.functional import ScalingType, scaled_mm

from adapters.diffusers.accelerator_errors import accelerator_errors
from domain.shortcuts import PrecisionUnusable

_log = logging.getLogger(__name__)

_E4M3: Final = torch.float8_e4m3fn
#: The largest number of a row becomes this or more, below twice of it: e4m3 ends at 448.
_LARGEST: Final = 128.0
#: A row whose numbers are all smaller is scaled as if one were not.
_SMALLEST: Final = 2.0**-100
#: Of a float32: its sign and fraction cleared, what is left is the power of two below it.
_EXPONENT: Final = 0x7F800000
#: Rows given, numbers of a row and results that a product is tried with: more than a tile of each; kernels want
#: the latter two in sixteens, as every Wan has them.
_TRIED: Final = (300, 272, 144)
#: The largest error, as a share of the largest result: some roundings of bf16.
_ALLOWED: Final = 0.02

#: (rows, in), its scales (rows, 1), (out, in), its scales (1, out), the bias and the type of the result (rows, out).
Multiply = Callable[..., torch.Tensor]


@dataclass(frozen=True, slots=True)
class Product:
    """A way to multiply two matrices of e4m3 and give each result its row's and its column's scale."""

    name: str
    multiply: Multiply


class Fp8Linear(torch.nn.Linear):
    """A linear layer, (…, in) to (…, out).

    `weight`: (out, in), e4m3. `scale`: (1, out), float32.
    """

    def __init__(
        self,
        plain: torch.nn.Linear,
        device: torch.device,
        product: Product,
        *,
        home: torch.device | None = None,
    ) -> None:
        """Take over `plain`; the arithmetic is done on `device`.

        Args:
            home: where the result is to lie; None for where `plain` does.
        """
        torch.nn.Module.__init__(self)
        self.in_features, self.out_features = plain.in_features, plain.out_features
        home = home or plain.weight.device
        weight, scale = to_fp8(plain.weight.detach().to(device))
        self.weight = torch.nn.Parameter(weight.to(home), requires_grad=False)
        self.scale = torch.nn.Parameter(scale.reshape(1, -1).to(home), requires_grad=False)
        self.bias = plain.bias
        self.product = product

    def forward(self, given: torch.Tensor) -> torch.Tensor:
        rows, scale = to_fp8(given.reshape(-1, self.in_features))
        made = self.product.multiply(rows, scale, self.weight, self.scale, self.bias, given.dtype)
        return made.reshape(*given.shape[:-1], self.out_features)


def to_fp8(rows: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The nearest e4m3 of a matrix, each row divided by its scale; and the scales, (rows, 1), float32."""
    largest = torch.linalg.vector_norm(rows, ord=float("inf"), dim=1, keepdim=True)
    below = largest.float().clamp_(min=_SMALLEST).view(torch.int32).bitwise_and_(_EXPONENT)
    scale = below.view(torch.float32).div_(_LARGEST)
    return (rows / scale.to(rows.dtype)).to(_E4M3), scale


@functools.cache  # a machine does not change
def choose_product(
    dtype: torch.dtype, device: torch.device, products: tuple[Product, ...] | None = None
) -> Product:
    """The first way to multiply in fp8 that works on `device`, with results of `dtype`.

    Args:
        products: those to try, the best first.

    Raises:
        PrecisionUnusable: there is none.
    """
    problem = ""
    for product in products or (BY_ROWS, AFTERWARDS):
        problem = _problem(product, dtype, device)
        _log.info("fp8", extra={"product": product.name, "problem": problem or None})
        if not problem:
            return product
    raise PrecisionUnusable(
        f"This machine cannot multiply in fp8: {problem}. It takes an NVIDIA GPU of the Ada, Hopper or a later "
        "generation; without fp8, the same video can be made here."
    )


def by_rows(
    rows: torch.Tensor,
    row_scale: torch.Tensor,
    weight: torch.Tensor,
    scale: torch.Tensor,
    bias: torch.Tensor | None,
    dtype: torch.dtype,
    *,
    use_fast_accum: bool = False,
) -> torch.Tensor:
    """With the scales in the kernel.

    Args:
        use_fast_accum: sums of some 14 bits on Hopper; what they cost the picture was not measured.
    """
    kind = ScalingType.RowWise
    return scaled_mm(
        rows,
        weight.t(),
        row_scale,
        kind,
        scale,
        kind,
        bias=bias,
        output_dtype=dtype,
        use_fast_accum=use_fast_accum,
    )


def afterwards(
    rows: torch.Tensor,
    row_scale: torch.Tensor,
    weight: torch.Tensor,
    scale: torch.Tensor,
    bias: torch.Tensor | None,
    dtype: torch.dtype,
) -> torch.Tensor:
    """With a kernel for one scale each, which is 1."""
    whole, one = ScalingType.TensorWise, torch.ones(1, device=rows.device)
    made = scaled_mm(rows, weight.t(), one, whole, one, whole, output_dtype=dtype)
    made.mul_(row_scale).mul_(scale)
    return made if bias is None else made.add_(bias)


#: The kernel knows the scales.
BY_ROWS: Final = Product("by rows", by_rows)
#: It knows none.
AFTERWARDS: Final = Product("afterwards", afterwards)


def _problem(product: Product, dtype: torch.dtype, device: torch.device) -> str:
    """Why it cannot be used; nothing where it can. Raises as `accelerator_errors` does."""
    try:
        with accelerator_errors():  # a card that is full or broken says nothing of fp8
            error = _error(product, dtype, device)
    except (RuntimeError, ValueError, TypeError, NotImplementedError) as refusal:
        return str(refusal).strip().partition("\n")[0]
    if not error <= _ALLOWED:  # nan is no less than anything
        return f"its results are off by {error:.2g}, and may be by {_ALLOWED}"
    return ""


@torch.no_grad()
def _error(product: Product, dtype: torch.dtype, device: torch.device) -> float:
    """How far the layer is from the same e4m3 numbers multiplied exactly, as a share of the largest result."""
    dice = torch.Generator().manual_seed(0)
    count, width, out = _TRIED
    # Rows of very different size, which one scale for all would lose.
    size = torch.logspace(-3, 3, count)[:, None]
    given = torch.randn(count, width, generator=dice) * size
    plain = torch.nn.Linear(width, out, dtype=dtype, device="meta").to_empty(device="cpu")
    plain.weight.copy_(torch.randn(out, width, generator=dice))
    plain.bias.copy_(torch.randn(out, generator=dice))
    layer = Fp8Linear(plain.to(device), device, product)
    (rows, row_scale), (weight, scale) = to_fp8(given.to(dtype)), to_fp8(plain.weight.cpu())
    exact = (rows.double() * row_scale) @ (weight.double() * scale).T + plain.bias.double().cpu()
    made = layer(given.to(device, dtype)).double().cpu()
    off = (made - exact).abs().amax(dim=1) / exact.abs().amax(dim=1)
    return float(off.max())
