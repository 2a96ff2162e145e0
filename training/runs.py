"""One run's folder: what a stage resumes from, and the lines it logs.

Nothing here knows what is being trained.
"""

import json
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch

_SAVE_EVERY_SECONDS = 60.0
_LOG_EVERY_SECONDS = 15.0


class Run:
    """Where one budget's stages keep their state."""

    def __init__(self, folder: Path, *, device: torch.device, seed: int, compiles: bool):
        self.folder, self.device, self.seed, self.compiles = folder, device, seed, compiles
        folder.mkdir(parents=True, exist_ok=True)

    def random(self, name: str, *moment: int) -> np.random.Generator:
        """The numbers that a stage draws at a moment: the same ones every time, and its own."""
        return np.random.default_rng((self.seed, zlib.crc32(name.encode()), *moment))

    def path(self, name: str) -> Path:
        return self.folder / f"{name}.pt"

    def has(self, name: str) -> bool:
        return self.path(name).exists()

    def load(self, name: str) -> Any:
        """Tensors and plain containers a stage has saved."""
        return torch.load(self.path(name), map_location=self.device, weights_only=True)

    def save(self, name: str, state: object) -> None:
        """Replace a saved state in one move, so that a crash leaves the old one."""
        half = self.path(name).with_suffix(".half")
        torch.save(state, half)
        half.replace(self.path(name))

    def log(self, stage: str, **fields: float | int | str) -> None:
        """One JSON line on standard output."""
        line = {"time": time.strftime("%H:%M:%S"), "stage": stage}
        rounded = {k: round(v, 5) if isinstance(v, float) else v for k, v in fields.items()}
        print(json.dumps({**line, **rounded}), flush=True)

    @contextmanager
    def autocast(self) -> Iterator[None]:
        with torch.autocast(self.device.type, torch.bfloat16):
            yield


def compiled(function: Any, run: Run) -> Any:
    """The function, compiled where the run asks for it.

    Fused norms and activations make the clip stages about twice as fast on a CPU, after half a
    minute of compiling; a short run is quicker without.
    """
    return torch.compile(function, dynamic=False) if run.compiles else function


class Pace:
    """Says when the next save and the next log line are due."""

    def __init__(self) -> None:
        self._saved = self._logged = time.monotonic()

    def save_due(self) -> bool:
        due = time.monotonic() - self._saved > _SAVE_EVERY_SECONDS
        self._saved = time.monotonic() if due else self._saved
        return due

    def log_due(self) -> bool:
        due = time.monotonic() - self._logged > _LOG_EVERY_SECONDS
        self._logged = time.monotonic() if due else self._logged
        return due
