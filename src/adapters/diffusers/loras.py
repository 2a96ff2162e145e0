"""LoRAs on a loaded checkpoint: what a linear layer gives, plus strength x alpha / rank x B·A of what it takes.

The weights stay as they are: putting LoRAs on and taking them off loads nothing and rounds nothing, whatever
type the weights have. An arithmetic of our own (ADR-0021).
"""

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

import torch
import torch.nn.functional as F  # noqa: N812 - as everybody calls it
from diffusers import WanPipeline
from safetensors import SafetensorError, safe_open

from adapters.diffusers.parts import Placed
from domain.errors import LoraUnusable
from domain.lora import Expert, Lora, LoraDoesNotFit, LoraFile, LoraUse
from domain.lora_keys import Part, adapter_alpha, keys_of_expert, parse_key
from domain.placement import Place

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


#: A change's two matrices and its bias, where its layer works.
_Brought: TypeAlias = tuple[torch.Tensor | None, torch.Tensor | None, torch.Tensor | None]


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
        self._additions: list[tuple[torch.nn.Module, _Addition]] = []  # with their transformers

    def wear(self, uses: Sequence[LoraUse], loras: Sequence[Lora]) -> Sequence[str]:
        """Have these on, and no others.

        Args:
            loras: what `uses` name, in their order, found to be the very files.

        Returns:
            A sentence for each: how many of its tensors matched, and which did not.

        Raises:
            LoraDoesNotFit: none of a LoRA's tensors matches, or one has another shape. None is on then.
            LoraUnusable: a file cannot be read.
        """
        self.follow(None)
        if tuple(uses) != self._on:
            self.take_off()
            try:
                told = tuple(self._put_on(*pair) for pair in zip(uses, loras, strict=True))
            except BaseException:
                self.take_off()
                raise
            self._on, self._told = tuple(uses), told
        return self._told

    def follow(self, part: torch.nn.Module | None) -> None:
        """Take from the accelerator what is there for experts that left it as `part` came.

        Those that stay on it keep theirs. None: no part is at work.
        """
        if not _come_and_go(self._pipe):
            return
        for transformer, addition in self._additions:
            if transformer is not part:
                addition.leave()

    def take_off(self) -> None:
        """Have none on: every layer gives what its checkpoint makes it give, bit for bit."""
        for hook in self._hooks:
            hook.remove()
        self._hooks, self._additions = [], []
        self._on, self._told = (), ()

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
                strength = use.strength(expert)
                addition = _Addition(self, change, layer, target, strength, of=lora.name)
                self._additions.append((transformer, addition))
                self._hooks.append(target.register_forward_hook(addition))
        missed -= matched
        if not matched:
            raise LoraDoesNotFit(
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


def _come_and_go(pipe: WanPipeline) -> bool:
    """Whether its experts are on the accelerator only while they work; a stock pipeline's lie still."""
    places = {Place.VISITING, Place.STREAMED}
    return isinstance(pipe, Placed) and pipe.parts.placement.experts in places


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

    Its tensors lie in their file's pages; copies are made where the layer works, once it does.
    """

    def __init__(
        self,
        stack: LoraStack,
        change: _Change,
        layer: str,
        target: torch.nn.Linear,
        strength: float,
        *,
        of: str,
    ) -> None:
        """Find that the change `of` that LoRA fits `target`, the layer of that name. It rests with `stack`.

        Raises:
            LoraDoesNotFit: it has another shape, or only half of its matrices is there.
        """
        out, width = target.out_features, target.in_features
        down, up, bias = change.down, change.up, change.bias
        if (down is None) != (up is None):
            raise LoraDoesNotFit(f"{of} has one matrix for {layer}, and lacks the other.")
        factor = strength
        if down is not None and up is not None:
            rank = down.shape[0]
            if tuple(down.shape) != (rank, width) or tuple(up.shape) != (out, rank):
                raise LoraDoesNotFit(
                    f"{of} changes {layer} by {tuple(up.shape)} x {tuple(down.shape)}; this "
                    f"checkpoint's is {out} x {width}. It is made for another one."
                )
            factor = strength * (rank if change.alpha is None else change.alpha) / rank
        if bias is not None and tuple(bias.shape) != (out,):
            raise LoraDoesNotFit(f"The bias that {of} has for {layer} is not {out} long.")
        self._stack = stack
        self._change, self._factor, self._strength = change, factor, strength
        self._there: _Brought | None = None

    def __call__(
        self, _layer: torch.nn.Module, given: tuple[torch.Tensor, ...], made: torch.Tensor
    ) -> torch.Tensor:
        if self._stack.rests:
            return made
        if self._there is None:
            self._there = self._bring(made)
        down, up, bias = self._there
        if down is not None and up is not None:
            # In the place of what is added: a third tensor as wide as the layer would be the peak.
            made = F.linear(F.linear(given[0].to(made.dtype), down), up).add_(made)
        return made if bias is None else made + bias

    def leave(self) -> None:
        """Drop the copies."""
        self._there = None

    def _bring(self, made: torch.Tensor) -> _Brought:
        """Where `made` lies, and in its type."""

        def times(factor: float, tensor: torch.Tensor | None) -> torch.Tensor | None:
            return None if tensor is None else (tensor.to(made.device).float() * factor).to(made)

        change = self._change
        down = None if change.down is None else change.down.to(made)
        return down, times(self._factor, change.up), times(self._strength, change.bias)
