"""LoRAs that are here because the test says so."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from domain.errors import LoraUnusable, UnknownLora
from domain.lora import Expert, Lora, LoraFile, like_named
from domain.ports.lora_catalog import LoraCatalog, LoraEntry


def a_lora_file(name: str, **changes: Any) -> LoraFile:
    told: dict[str, Any] = {
        "path": Path("/loras") / f"{name}.safetensors",
        "size_bytes": 1000,
        "experts": tuple(Expert),
        "ranks": (4,),
        "alphas": (),
        "widths": (160,),
        "tensors": 2,
        "unknown": (),
        "numbers": {},
    }
    return LoraFile(**(told | changes))


def a_lora(name: str, **changes: Any) -> Lora:
    """One file for every expert of the miniatures."""
    return Lora(name=name, files=(a_lora_file(name, **changes),))


class FakeLoraCatalog(LoraCatalog):
    """`keep` puts one there, whatever it was; the hash of a file is its content's place in the test."""

    def __init__(self, *loras: Lora) -> None:
        self._kept: dict[str, Lora | str] = {lora.name: lora for lora in loras}
        self._contents: dict[Path, int] = {}

    def keep(self, lora: Lora) -> None:
        """Its files are others than before."""
        self._kept[lora.name] = lora
        for file in lora.files:
            self._contents[file.path] = self._contents.get(file.path, 0) + 1

    def keep_broken(self, name: str, problem: str) -> None:
        self._kept[name] = problem

    def entries(self) -> Sequence[LoraEntry]:
        return [
            LoraEntry(name=name, lora=None, problem=kept)
            if isinstance(kept, str)
            else LoraEntry(name=name, lora=kept, problem=None)
            for name, kept in sorted(self._kept.items())
        ]

    def find(self, name: str) -> Lora:
        kept = self._kept.get(name)
        if kept is None:
            raise UnknownLora(
                f"No LoRA is called {name!r}: its file belongs into the folder `loras`.",
                [like_named(name, self._kept)],
            )
        if isinstance(kept, str):
            raise LoraUnusable(kept)
        return kept

    def hashes(self, lora: Lora) -> Sequence[str]:
        return tuple(f"{self._contents.get(file.path, 0):064x}" for file in lora.files)
