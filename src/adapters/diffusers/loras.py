"""LoRAs on a loaded checkpoint: what a linear layer gives, plus strength x alpha / rank x B·A of what it takes.

The weights stay as they are: putting LoRAs on and taking them off loads nothing and rounds nothing, whatever
type the weights have. An arithmetic of our own (ADR-0021).
"""

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import torch
import torch.nn.functional as F  # noqa: N812 - as everybody calls it
from diffusers import WanPipeline
from safetensors import SafetensorError, safe_open

from domain.errors import LoraUnusable
from domain.lora import Expert, Lora, LoraFile, LoraUse
from domain.lora_keys import Part, adapter_alpha, keys_of_expert, parse_key

_log = logging.getLogger(__name__)

_TRANSFORMER: Final = {
    Expert.HIGH_NOISE: "transformer",
    Expert.LOW_NOISE: "transformer_2",
}


@dataclass(slots=True)
class _Change:
    """A LoRA's tensors for one layer."""

    down: torch.Tensor | None = None  # (rank, in)
    up: torch.Tensor | None = None  # (out, rank)
    alpha: float | None = None
    bias: torch.Tensor | None = None  # (out,)
    names: list[str] = field(default_factory=list)


class LoraStack:
    """The LoRAs that a pipeline's transformers have on.

    Attributes:
        rests: while it is true, they add nothing.
    """

    def __init__(self, pipe: WanPipeline) -> None:
        self.rests = False
        self._pipe = pipe
        self._on: tuple[LoraUse, ...] = ()
        self._told: tuple[str, ...] = ()
        self._hooks: list[Any] = []  # torch's handles

    def wear(self, uses: Sequence[LoraUse], loras: Sequence[Lora]) -> Sequence[str]:
        """Have these on, and no others.

        Args:
            loras: what `uses` name, in their order, found to be the very files.

        Returns:
            A sentence for each: how many of its tensors matched, and which did not.

        Raises:
            LoraUnusable: none of a LoRA's tensors matches, or one has another shape. None is on then.
        """
        if tuple(uses) != self._on:
            self.take_off()
            try:
                told = tuple(self._put_on(*pair) for pair in zip(uses, loras, strict=True))
            except BaseException:
                self.take_off()
                raise
            self._on, self._told = tuple(uses), told
        return self._told

    def take_off(self) -> None:
        """Have none on: every layer gives what its checkpoint makes it give, bit for bit."""
        for hook in self._hooks:
            hook.remove()
        self._hooks, self._on, self._told = [], (), ()

    def _put_on(self, use: LoraUse, lora: Lora) -> str:
        matched: set[tuple[str, str]] = set()
        missed: set[tuple[str, str]] = set()
        for file, expert, transformer in self._targets(lora):
            changes, unknown = _read(file, expert)
            missed |= {(file.path.name, name) for name in unknown}
            layers = dict(transformer.named_modules())
            for layer, change in changes.items():
                target = layers.get(layer)
                names = {(file.path.name, name) for name in change.names}
                if not isinstance(target, torch.nn.Linear):
                    missed |= names
                    continue
                matched |= names
                addition = _Addition(self, change, layer, target, use.strength(expert))
                self._hooks.append(target.register_forward_hook(addition))
        missed -= matched
        if not matched:
            raise LoraUnusable(
                f"None of the {len(missed)} tensors of {lora.name} fits a layer of this checkpoint."
            )
        told = f"LoRA {lora.name}: {len(matched)} tensors matched"
        if missed:
            told += f", {len(missed)} are unknown and left out, such as {min(missed)[1]}"
        _log.info(
            "lora on", extra={"lora": lora.name, "matched": len(matched), "unknown": len(missed)}
        )
        return f"{told}."

    def _targets(self, lora: Lora) -> Iterator[tuple[LoraFile, Expert, Any]]:
        """Each file with each of its experts that this checkpoint has."""
        for file in lora.files:
            for expert in file.experts:
                transformer = getattr(self._pipe, _TRANSFORMER[expert])
                if transformer is not None:
                    yield file, expert, transformer


def _read(file: LoraFile, expert: Expert) -> tuple[Mapping[str, _Change], Sequence[str]]:
    """What the file holds for that expert, by layer, and the tensors that belong to no layer."""
    changes: dict[str, _Change] = {}
    try:
        with safe_open(file.path, framework="pt") as opened:
            found = {name: parse_key(name) for name in opened.keys()}  # noqa: SIM118 - no mapping
            keys = {name: key for name, key in found.items() if key is not None}
            for name, key in keys_of_expert(keys, expert).items():
                change = changes.setdefault(key.layer, _Change())
                change.names.append(name)
                _note(change, key.part, opened.get_tensor(name))
            alpha = adapter_alpha(opened.metadata() or {}, keys, expert)
    except (OSError, SafetensorError) as error:
        raise LoraUnusable(f"{file.path.name} cannot be read: {error}.") from error
    for change in changes.values():
        if change.alpha is None:
            change.alpha = alpha
    return changes, [name for name, key in found.items() if key is None]


def _note(change: _Change, part: Part, tensor: torch.Tensor) -> None:
    match part:
        case Part.DOWN:
            change.down = tensor
        case Part.UP:
            change.up = tensor
        case Part.ALPHA:
            change.alpha = float(tensor)
        case Part.BIAS:
            change.bias = tensor


class _Addition:
    """A hook that adds what a change makes of a layer's input to what the layer gives.

    Its tensors follow the layer to wherever that works.
    """

    def __init__(
        self,
        stack: LoraStack,
        change: _Change,
        layer: str,
        target: torch.nn.Linear,
        strength: float,
    ) -> None:
        """Find that the change fits `target`, the layer of that name. It rests with `stack`.

        Raises:
            LoraUnusable: it has another shape, or only half of its matrices is there.
        """
        out, width = target.out_features, target.in_features
        down, up, bias = change.down, change.up, change.bias
        if (down is None) != (up is None):
            raise LoraUnusable(f"The LoRA has one matrix for {layer}, and lacks the other.")
        if down is not None and up is not None:
            rank = down.shape[0]
            if tuple(down.shape) != (rank, width) or tuple(up.shape) != (out, rank):
                raise LoraUnusable(
                    f"The LoRA changes {layer} by {tuple(up.shape)} x {tuple(down.shape)}; this "
                    f"checkpoint's is {out} x {width}. It is made for another one."
                )
            up = up.float() * (strength * (rank if change.alpha is None else change.alpha) / rank)
        if bias is not None:
            if tuple(bias.shape) != (out,):
                raise LoraUnusable(f"The LoRA's bias of {layer} is not {out} long.")
            bias = bias.float() * strength
        self._stack = stack
        self._down, self._up, self._bias = down, up, bias

    def __call__(
        self, _layer: torch.nn.Module, given: tuple[torch.Tensor, ...], made: torch.Tensor
    ) -> torch.Tensor:
        if self._stack.rests:
            return made
        if self._down is not None and self._up is not None:
            self._down, self._up = self._down.to(made), self._up.to(made)
            made = made + F.linear(F.linear(given[0].to(made.dtype), self._down), self._up)
        if self._bias is not None:
            self._bias = self._bias.to(made)
            made = made + self._bias
        return made
