"""Weights in whole numbers of 8 bits, a scale for each group of a row: half of bf16.

They are undone as a layer works: a number is scale x whole, rounded to what sums are made in.
"""

from typing import Final

import torch
import torch.nn.functional as F  # noqa: N812 - as everybody calls it

from domain.structure import int8_group

#: The same on both sides of zero.
_LARGEST: Final = 127


class Int8Linear(torch.nn.Linear):
    """A linear layer, (…, in) to (…, out).

    `weight`: (out, groups, numbers of a group), int8. `scale`: (out, groups, 1), bfloat16.
    """

    def __init__(
        self, plain: torch.nn.Linear, device: torch.device, *, home: torch.device | None = None
    ) -> None:
        """Take over `plain`; the arithmetic is done on `device`.

        Args:
            home: where the result is to lie; None for where `plain` does.
        """
        torch.nn.Module.__init__(self)
        self.in_features, self.out_features = plain.in_features, plain.out_features
        home = home or plain.weight.device
        whole, scale = to_int8(plain.weight.detach().to(device))
        self.weight = torch.nn.Parameter(whole.to(home), requires_grad=False)
        self.scale = torch.nn.Parameter(scale.to(home), requires_grad=False)
        self.bias = plain.bias

    def forward(self, given: torch.Tensor) -> torch.Tensor:
        weight = self.weight * self.scale.to(given.dtype)
        return F.linear(given, weight.flatten(1), self.bias)


def to_int8(weight: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The nearest whole numbers of a matrix (out, in), and their scales, in the shapes of `Int8Linear`.

    The scales are rounded before they are divided by: what is lost to that is not lost twice.
    """
    groups = weight.float().reshape(weight.shape[0], -1, int8_group(weight.shape[1]))
    scale = groups.abs().amax(dim=2, keepdim=True).div_(_LARGEST)
    scale = scale.clamp_(min=torch.finfo(torch.bfloat16).tiny).bfloat16()
    whole = groups.div(scale.float()).round_().clamp_(-_LARGEST, _LARGEST)
    return whole.to(torch.int8), scale
