"""What something knows of the steps behind it, as it is saved with a resume point."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

import torch


@dataclass(frozen=True, slots=True, kw_only=True)
class StepMemory:
    """Tensors and numbers by name. A name that is absent is None there."""

    tensors: Mapping[str, torch.Tensor] = field(default_factory=dict)
    numbers: Mapping[str, int | float] = field(default_factory=dict)

    def on(self, device: torch.device) -> "StepMemory":
        """The same, its tensors there."""
        tensors = {name: tensor.to(device) for name, tensor in self.tensors.items()}
        return replace(self, tensors=tensors)


NOTHING_BEHIND: Final = StepMemory()
