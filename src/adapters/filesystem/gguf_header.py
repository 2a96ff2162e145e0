"""The head of a GGUF file: what it holds, to the byte, without reading a tensor.

Format, little-endian: `GGUF`, version, how many tensors, how many notes; each note a key, a type and a value;
each tensor its name, its lengths (the innermost first), its type and where it begins. Then the tensors, each
at a multiple of `general.alignment`. Source: ggml `docs/gguf.md`; the types: `ggml_type` of `ggml.h`.

No size that the file tells is believed before it is compared with the file's own.
"""

import re
import struct
from collections.abc import Mapping
from math import prod
from pathlib import Path
from typing import BinaryIO, Final

from adapters.filesystem.weights_header import StoredTensor, WeightsHeader
from domain.errors import CheckpointBroken
from domain.store_errors import WeightsUnrecognised

MAGIC: Final = b"GGUF"
#: Bytes. Names and notes of a Wan take 0.2 MB; a text encoder's vocabulary takes ten.
MAX_HEADER_BYTES: Final = 100_000_000
#: By number: name, how many numbers a block has, and its bytes. Those that diffusers can undo.
_TYPES: Final[Mapping[int, tuple[str, int, int]]] = {
    0: ("F32", 1, 4),
    1: ("F16", 1, 2),
    2: ("Q4_0", 32, 18),
    3: ("Q4_1", 32, 20),
    6: ("Q5_0", 32, 22),
    7: ("Q5_1", 32, 24),
    8: ("Q8_0", 32, 34),
    10: ("Q2_K", 256, 84),
    11: ("Q3_K", 256, 110),
    12: ("Q4_K", 256, 144),
    13: ("Q5_K", 256, 176),
    14: ("Q6_K", 256, 210),
    20: ("IQ4_NL", 32, 18),
    23: ("IQ4_XS", 256, 136),
    30: ("BF16", 1, 2),
}
#: Those that it cannot.
_OTHER_TYPES: Final[Mapping[int, str]] = {
    9: "Q8_1",
    15: "Q8_K",
    16: "IQ2_XXS",
    17: "IQ2_XS",
    18: "IQ3_XXS",
    19: "IQ1_S",
    21: "IQ3_S",
    22: "IQ2_S",
    24: "I8",
    25: "I16",
    26: "I32",
    27: "I64",
    28: "F64",
    29: "IQ1_M",
    34: "TQ1_0",
    35: "TQ2_0",
    39: "MXFP4",
}
_VERSIONS: Final = (2, 3)
#: How notes of a fixed length are written, by their type's number.
_SCALARS: Final = dict(enumerate("BbHhIif?")) | {10: "Q", 11: "q", 12: "d"}
_STRING, _ARRAY = 8, 9
#: Where city96's tools note the shape of a tensor that has more lengths than ggml's four.
_SHAPE: Final = re.compile(r"comfy\.gguf\.orig_shape\.(.+)")


def is_gguf(path: Path) -> bool:
    """Whether it begins as such a file does.

    Raises:
        CheckpointBroken: it cannot be read.
    """
    try:
        with path.open("rb") as file:
            return file.read(len(MAGIC)) == MAGIC
    except OSError as error:
        raise CheckpointBroken(f"{path} cannot be read: {error.strerror}.") from error


def read_gguf_header(path: Path) -> WeightsHeader:
    """Read and check the head of the file at `path`. Notes that are lists are left out.

    Raises:
        CheckpointBroken: it cannot be read, is damaged, or is shorter than its header says.
        WeightsUnrecognised: its numbers are of a type that cannot be undone here.
    """
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            header = _parse(_Head(file, min(size, MAX_HEADER_BYTES)))
    except OSError as error:
        raise CheckpointBroken(f"{path} cannot be read: {error.strerror}.") from error
    except _UnknownType as error:
        raise WeightsUnrecognised(
            f"{path} holds {error} numbers, which cannot be undone here. Take the same weights as "
            "Q8_0, Q6_K, Q5_K or Q4_K."
        ) from error
    except (ValueError, struct.error) as error:
        raise CheckpointBroken(f"{path} has a damaged header: {error}.") from error
    end = max((tensor.end for tensor in header.entries.values()), default=0)
    if end > size:
        raise CheckpointBroken(f"{path} is cut short by {end - size} bytes.")
    return header


class _UnknownType(Exception):
    pass


class _Head:
    """Reads a file from its beginning, and never beyond `limit`."""

    def __init__(self, file: BinaryIO, limit: int) -> None:
        self._file = file
        self._left = limit
        self.at = 0

    def raw(self, size: int) -> bytes:
        if size > self._left:
            raise ValueError("it ends before what it announces")
        self._left -= size
        self.at += size
        return self._file.read(size)

    def number(self, code: str) -> int:
        (value,) = struct.unpack(f"<{code}", self.raw(struct.calcsize(f"<{code}")))
        return int(value)

    def text(self) -> str:
        return self.raw(self.number("Q")).decode()

    def value(self, kind: int) -> str | tuple[int, ...] | None:
        """A note in words, or a list of whole numbers; None for what nobody here asks for."""
        if kind == _STRING:
            return self.text()
        if kind == _ARRAY:
            return self._list()
        return str(self.number(_code(kind)))

    def _list(self) -> tuple[int, ...] | None:
        kind, length = self.number("I"), self.number("Q")
        if kind == _STRING:
            for _ in range(length):  # ends where the file does
                self.text()
            return None
        code = _code(kind)
        raw = self.raw(length * struct.calcsize(f"<{code}"))
        return tuple(int(value) for (value,) in struct.iter_unpack(f"<{code}", raw))


def _code(kind: int) -> str:
    if kind not in _SCALARS:
        raise ValueError(f"a note of type {kind}")
    return _SCALARS[kind]


def _parse(head: _Head) -> WeightsHeader:
    if head.raw(len(MAGIC)) != MAGIC:
        raise ValueError("it is no GGUF file")
    version = head.number("I")
    if version not in _VERSIONS:
        raise ValueError(f"it is of version {version}, or of another byte order")
    tensors, notes = head.number("Q"), head.number("Q")
    told = {}
    for _ in range(notes):
        key = head.text()
        told[key] = head.value(head.number("I"))
    shapes = {
        match[1]: shape
        for key, shape in told.items()
        if (match := _SHAPE.fullmatch(key)) and isinstance(shape, tuple)
    }
    metadata = {key: value for key, value in told.items() if isinstance(value, str)}
    found = [_tensor(head, shapes) for _ in range(tensors)]
    return WeightsHeader(entries=_placed(found, head.at, metadata), metadata=metadata)


def _tensor(head: _Head, shapes: Mapping[str, tuple[int, ...]]) -> tuple[str, StoredTensor]:
    """One tensor, as if the first of all began at byte 0 of the file."""
    name = head.text()
    lengths = tuple(head.number("Q") for _ in range(head.number("I")))
    kind, start = head.number("I"), head.number("Q")
    if kind not in _TYPES:
        raise _UnknownType(_OTHER_TYPES.get(kind, f"type {kind}"))
    dtype, block, block_bytes = _TYPES[kind]
    numbers, shape = prod(lengths), shapes.get(name, lengths[::-1])
    if prod(shape) != numbers:
        raise ValueError(f"{name} has {numbers} numbers, and is to be of the shape {shape}")
    if not lengths or lengths[0] % block:
        raise ValueError(f"the rows of {name} are no whole blocks of {dtype}")
    end = start + numbers // block * block_bytes
    return name, StoredTensor(dtype=dtype, shape=shape, start=start, end=end)


def _placed(
    found: list[tuple[str, StoredTensor]], head_end: int, metadata: Mapping[str, str]
) -> dict[str, StoredTensor]:
    """Where they lie in the file: behind the header, filled up to the alignment."""
    alignment = int(metadata.get("general.alignment", "32"))
    if alignment < 1:
        raise ValueError(f"an alignment of {alignment}")
    first = head_end + -head_end % alignment
    entries = {
        name: StoredTensor(
            dtype=tensor.dtype,
            shape=tensor.shape,
            start=first + tensor.start,
            end=first + tensor.end,
        )
        for name, tensor in found
    }
    if len(entries) != len(found):
        raise ValueError("two tensors have the same name")
    return entries
