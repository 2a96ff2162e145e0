"""Heads of GGUF files, read without the library that wrote them."""

import struct
from collections.abc import Callable
from pathlib import Path

import gguf
import pytest

from adapters.filesystem.gguf_header import _OTHER_TYPES, _TYPES, read_gguf_header
from domain.errors import CheckpointBroken, DomainError
from domain.store_errors import WeightsUnrecognised
from tests.integration.gguf_files import Kind, write_gguf
from tests.integration.networks import HIGH, in_comfyui_naming


@pytest.fixture
def written(tmp_path: Path) -> Path:
    return write_gguf(tmp_path / "wan.gguf", HIGH, name="Wan2.2 T2V HighNoise")


def test_the_types_are_ggmls() -> None:
    for number, (name, *sizes) in _TYPES.items():
        assert (Kind(number).name, gguf.GGML_QUANT_SIZES[Kind(number)]) == (name, tuple(sizes))
    for number, name in _OTHER_TYPES.items():
        assert Kind(number).name == name


def test_every_tensor_lies_where_the_library_finds_it(written: Path) -> None:
    header = read_gguf_header(written)

    found = {
        tensor.name: (
            tensor.tensor_type.name,
            tuple(int(length) for length in reversed(tensor.shape)),
            tensor.data_offset,
            tensor.data_offset + tensor.n_bytes,
        )
        for tensor in gguf.GGUFReader(written).tensors
    }
    here = {n: (t.dtype, t.shape, t.start, t.end) for n, t in header.entries.items()}
    assert here == found
    assert header.metadata["general.architecture"] == "wan"
    assert header.metadata["general.name"] == "Wan2.2 T2V HighNoise"


def test_a_folded_tensor_has_the_shape_that_is_noted(tmp_path: Path) -> None:
    path = write_gguf(tmp_path / "wan.gguf", HIGH, naming=in_comfyui_naming, folds=True)

    entries = read_gguf_header(path).entries

    assert entries["model.diffusion_model.patch_embedding.weight"].shape == (128, 16, 1, 2, 2)


def test_lists_and_other_alignments_are_passed_over(tmp_path: Path) -> None:
    writer = gguf.GGUFWriter(tmp_path / "wan.gguf", arch="wan")
    writer.add_custom_alignment(64)
    writer.add_array("words", ["one", "two"])
    writer.add_array("numbers", [0.5, 1.5])
    writer.add_float64("half", 0.5)
    writer.add_bool("yes", True)
    writer.add_tensor("a.weight", HIGH["patch_embedding.bias"].numpy())
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()

    tensor = read_gguf_header(tmp_path / "wan.gguf").entries["a.weight"]

    assert tensor.start == gguf.GGUFReader(tmp_path / "wan.gguf").tensors[0].data_offset
    assert tensor.start % 64 == 0


def head(
    tensor: bytes = b"", *, tensors: int = 1, notes: bytes = b"", note_count: int = 0
) -> bytes:
    return b"GGUF" + struct.pack("<IQQ", 3, tensors, note_count) + notes + tensor


def a_tensor(kind: int, *lengths: int, start: int = 0) -> bytes:
    told = struct.pack("<Q1sI", 1, b"x", len(lengths)) + struct.pack(f"<{len(lengths)}Q", *lengths)
    return told + struct.pack("<IQ", kind, start)


@pytest.mark.parametrize(
    ("content", "error", "words"),
    [
        (b"GGUF" + struct.pack(">IQQ", 3, 0, 0), CheckpointBroken, "another byte order"),
        (head(a_tensor(0, 1024)), CheckpointBroken, "cut short by"),
        (head(a_tensor(0, 2**60, 2**60)), CheckpointBroken, "cut short by"),
        (head(a_tensor(0, 8, start=2**63)), CheckpointBroken, "cut short by"),
        (head(a_tensor(16, 256)), WeightsUnrecognised, "IQ2_XXS numbers.*Q8_0, Q6_K, Q5_K or Q4_K"),
        (head(a_tensor(99, 256)), WeightsUnrecognised, "type 99 numbers"),
        (head(a_tensor(12, 100)), CheckpointBroken, "rows of x are no whole blocks of Q4_K"),
        (head(a_tensor(0)), CheckpointBroken, "rows of x"),
        (head(tensors=2**60), CheckpointBroken, "it ends before what it announces"),
        (head(a_tensor(0, 0) * 2, tensors=2), CheckpointBroken, "the same name"),
        (
            head(notes=struct.pack("<Q", 2**62), note_count=1),
            CheckpointBroken,
            "it ends before what it announces",
        ),
        (head(notes=struct.pack("<Q1sI", 1, b"k", 77), note_count=1), CheckpointBroken, "type 77"),
        (
            head(notes=struct.pack("<Q1sIIQ", 1, b"k", 9, 8, 2**60), note_count=1),
            CheckpointBroken,
            "it ends before what it announces",
        ),
        (
            head(notes=struct.pack("<Q1sIIQ", 1, b"k", 9, 4, 2**60), note_count=1),
            CheckpointBroken,
            "it ends before what it announces",
        ),
        (
            head(notes=struct.pack("<Q1sIQ1s", 1, b"k", 8, 1, b"\xff"), note_count=1),
            CheckpointBroken,
            "damaged header",
        ),
    ],
)
def test_what_is_damaged_is_told_and_no_size_is_believed(
    content: bytes, error: type[DomainError], words: str, tmp_path: Path
) -> None:
    (tmp_path / "x.gguf").write_bytes(content)

    with pytest.raises(error, match=words):
        read_gguf_header(tmp_path / "x.gguf")


def short(content: bytes) -> bytes:
    return content[:-7]


def shorter(content: bytes) -> bytes:
    return content[:300]


@pytest.mark.parametrize(
    ("cut", "words"),
    [(short, "cut short by 7 bytes"), (shorter, "it ends before what it announces")],
)
def test_one_that_was_cut_is_told(cut: Callable[[bytes], bytes], words: str, written: Path) -> None:
    written.write_bytes(cut(written.read_bytes()))

    with pytest.raises(CheckpointBroken, match=words):
        read_gguf_header(written)
