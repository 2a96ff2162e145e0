"""LoRAs as safetensors files in one folder, judged by their names and headers.

`turn.safetensors` is the LoRA `turn`. `turn_high_noise.safetensors` and `turn_low_noise.safetensors` are
one LoRA, too, called the same: a pair for two experts. `high` and `low` alone will do, in any case, between
`_`, `-`, `.` and blanks.
"""

import hashlib
import re
import struct
import threading
from collections.abc import Iterable, Mapping, Sequence
from math import prod
from pathlib import Path
from typing import BinaryIO, Final

from adapters.filesystem.safetensors_header import read_header
from adapters.filesystem.weights_header import StoredTensor, WeightsHeader
from domain.errors import (
    CheckpointBroken,
    CheckpointUnavailable,
    LoraUnusable,
    UnknownLora,
    UnsafeWeights,
)
from domain.lora import Expert, Lora, LoraFile, like_named
from domain.lora_keys import (
    LoraKey,
    Part,
    adapter_alpha,
    experts_of,
    keys_of_expert,
    parse_key,
)
from domain.ports import lora_catalog
from domain.ports.lora_catalog import LoraEntry

_SUFFIX: Final = ".safetensors"
#: Pickles: loading one runs whatever it says.
_PICKLED: Final = frozenset({".bin", ".pt", ".pth", ".ckpt"})
_MARK: Final = re.compile(
    r"(?:^|(?<=[_\-. ]))(?P<expert>high|low)(?:[_\-. ]?noise)?(?=$|[_\-. ])", re.I
)
#: How a number of each type is read, after so many bytes of zeros: BF16 is the upper half of F32.
_NUMBERS: Final = {"F64": ("<d", 0), "F32": ("<f", 0), "F16": ("<e", 0), "BF16": ("<f", 2)}


class FilesystemLoraCatalog(lora_catalog.LoraCatalog):
    """One folder, without those in it; where there is none, there are no LoRAs."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._hashes: dict[Path, tuple[int, int, str]] = {}
        self._hashing = (
            threading.Lock()
        )  # whoever asks for the same meanwhile waits, and reads nothing

    def entries(self) -> Sequence[LoraEntry]:
        return tuple(self._entry(name, paths) for name, paths in sorted(self._by_name().items()))

    def find(self, name: str) -> Lora:
        by_name = self._by_name()
        if name not in by_name:
            raise UnknownLora(
                f"No LoRA is called {name!r}: its file belongs into the folder `loras` of the data "
                "directory.",
                [like_named(name, by_name)],
            )
        return _read(name, by_name[name])

    def hashes(self, lora: Lora) -> Sequence[str]:
        try:
            return tuple(self._sha256(file.path) for file in lora.files)
        except OSError as error:
            raise LoraUnusable(f"{lora.name} cannot be read: {error.strerror}.") from error

    def _entry(self, name: str, paths: Sequence[Path]) -> LoraEntry:
        try:
            return LoraEntry(name=name, lora=_read(name, paths), problem=None)
        except CheckpointUnavailable as error:
            return LoraEntry(name=name, lora=None, problem=error.message)

    def _by_name(self) -> Mapping[str, Sequence[Path]]:
        """The files of each LoRA, those of the high-noise expert first."""
        if not self._folder.is_dir():
            return {}
        by_name: dict[str, list[Path]] = {}
        for path in sorted(self._folder.iterdir()):
            if path.suffix.lower() in {_SUFFIX, *_PICKLED} and path.is_file():
                by_name.setdefault(_named(path)[0], []).append(path)
        return by_name

    def _sha256(self, path: Path) -> str:
        told = path.stat()
        with self._hashing:
            known = self._hashes.get(path)
            if known is None or known[:2] != (told.st_mtime_ns, told.st_size):
                with path.open("rb") as file:
                    digest = hashlib.file_digest(file, "sha256").hexdigest()
                known = self._hashes[path] = (told.st_mtime_ns, told.st_size, digest)
            return known[2]


def _named(path: Path) -> tuple[str, Expert | None]:
    """What the LoRA of this file is called, and the expert that the file's name says it is for."""
    marks = list(_MARK.finditer(path.stem))
    if len(marks) != 1:
        return path.stem, None
    expert = Expert.HIGH_NOISE if marks[0]["expert"].lower() == "high" else Expert.LOW_NOISE
    left, right = path.stem[: marks[0].start()], path.stem[marks[0].end() :]
    rest = left.rstrip("_-. ") + (right if left else right.lstrip("_-. "))
    return (rest, expert) if rest else (path.stem, expert)


def _read(name: str, paths: Sequence[Path]) -> Lora:
    for path in paths:
        if path.suffix.lower() in _PICKLED:
            raise UnsafeWeights(
                f"{path.name} is pickled: loading it could run anything. "
                "Convert it to safetensors, then remove it."
            )
    lora = Lora(name=name, files=tuple(_read_file(path) for path in paths))
    experts = [expert for file in lora.files for expert in file.experts]
    if len(experts) != len(set(experts)):
        names = " and ".join(path.name for path in paths)
        raise LoraUnusable(f"{names} are for the same expert: rename one of them.")
    return lora


def _read_file(path: Path) -> LoraFile:
    try:
        header = read_header(path)
    except CheckpointBroken as error:
        raise LoraUnusable(error.message) from error
    found = {name: parse_key(name) for name in header.entries}
    keys = {name: key for name, key in found.items() if key is not None}
    unknown = tuple(sorted(name for name, key in found.items() if key is None))
    _refuse_other_kinds(path, unknown)
    downs = {
        key.layer: header.entries[name].shape for name, key in keys.items() if key.part is Part.DOWN
    }
    if not downs:
        raise LoraUnusable(
            f"{path.name} has no LoRA for a Wan transformer: of its {header.tensors} tensors none is "
            f"named like one{_such_as(unknown)}."
        )
    experts = experts_of(keys, _named(path)[1])
    return LoraFile(
        path=path,
        size_bytes=path.stat().st_size,
        experts=experts,
        ranks=tuple(sorted({shape[0] for shape in downs.values()})),
        alphas=_alphas(path, header, keys, experts),
        widths=_widths(downs),
        tensors=len(keys),
        unknown=unknown,
        numbers={expert: _numbers(header, keys_of_expert(keys, expert)) for expert in experts},
    )


def _refuse_other_kinds(path: Path, unknown: Iterable[str]) -> None:
    """Kinds of change whose tensors, left out, would leave another change than was meant."""
    for name in unknown:
        for kind in ("dora_scale", "hada_w", "lokr_w", "lora_mid", "lora_magnitude_vector"):
            if kind in name:
                raise LoraUnusable(
                    f"{path.name} is no plain LoRA ({name}), and that kind is not supported: "
                    "merge it into a plain LoRA."
                )


def _such_as(names: Sequence[str]) -> str:
    return f", such as {names[0]}" if names else ""


def _widths(downs: Mapping[str, tuple[int, ...]]) -> tuple[int, ...]:
    """What self-attention and cross-attention queries take is a token of the video; so is `ffn`'s."""
    tokens = ("attn1.to_q", "attn1.to_k", "attn1.to_v", "attn1.to_out.0", "attn2.to_q", "attn2.to_out.0",
              "ffn.net.0.proj")  # fmt: skip
    return tuple(sorted({shape[-1] for layer, shape in downs.items() if layer.endswith(tokens)}))


def _numbers(header: WeightsHeader, keys: Mapping[str, LoraKey]) -> int:
    return sum(
        prod(header.entries[name].shape) for name, key in keys.items() if key.part is not Part.ALPHA
    )


def _alphas(
    path: Path, header: WeightsHeader, keys: Mapping[str, LoraKey], experts: Iterable[Expert]
) -> tuple[float, ...]:
    with path.open("rb") as file:
        told = {
            _number(file, header.entries[name])
            for name, key in keys.items()
            if key.part is Part.ALPHA
        }
    beside = {adapter_alpha(header.metadata, keys, expert) for expert in experts}
    return tuple(sorted(told | {alpha for alpha in beside if alpha is not None}))


def _number(file: BinaryIO, tensor: StoredTensor) -> float:
    """The one number that a tensor is."""
    form, zeros = _NUMBERS.get(tensor.dtype, ("", 0))
    size = tensor.end - tensor.start
    if not form or size + zeros != struct.calcsize(form):
        raise LoraUnusable(
            f"It has an alpha that is not one number ({tensor.dtype}, {size} bytes)."
        )
    file.seek(tensor.start)
    return float(struct.unpack(form, bytes(zeros) + file.read(size))[0])
