"""What is read of a LoRA's file without its tensors, and which files make one LoRA."""

import hashlib
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

from adapters.filesystem.lora_catalog import FilesystemLoraCatalog
from domain.errors import LoraUnusable, UnknownLora, UnsafeWeights
from domain.lora import Expert, added_numbers

Q = "diffusion_model.blocks.0.self_attn.q"
FFN = "diffusion_model.blocks.0.ffn.2"


def zeros(*shape: int, dtype: Any = np.float32) -> Any:
    return np.zeros(shape, dtype)


def tensors(*, rank: int = 4, width: int = 160, **more: Any) -> dict[str, Any]:
    return {
        f"{Q}.lora_down.weight": zeros(rank, width),
        f"{Q}.lora_up.weight": zeros(width, rank),
        **more,
    }


@pytest.fixture
def catalog(tmp_path: Path) -> FilesystemLoraCatalog:
    return FilesystemLoraCatalog(tmp_path)


def test_the_header_says_what_it_is(tmp_path: Path, catalog: FilesystemLoraCatalog) -> None:
    more = {
        f"{Q}.alpha": np.array(8.0, np.float32),
        f"{FFN}.lora_down.weight": zeros(2, 416),
        f"{FFN}.lora_up.weight": zeros(160, 2),
        f"{FFN}.alpha": np.array(0.5, np.float16),
        "text_model.x": zeros(1),
    }
    save_file(tensors(**more), tmp_path / "turn.safetensors")

    (file,) = catalog.find("turn").files

    assert (file.ranks, file.alphas, file.widths) == ((2, 4), (0.5, 8.0), (160,))
    assert (file.tensors, file.unknown) == (6, ("text_model.x",))
    assert file.experts == tuple(Expert)
    assert file.numbers == dict.fromkeys(Expert, 2 * 4 * 160 + 2 * 416 + 160 * 2)
    assert file.size_bytes == (tmp_path / "turn.safetensors").stat().st_size


@pytest.mark.parametrize(
    ("width", "family"), [(5120, "14B"), (3072, "5B"), (1536, "1.3B"), (7, None)]
)
def test_the_family_is_told_by_the_width_of_its_layers(
    width: int, family: str | None, tmp_path: Path, catalog: FilesystemLoraCatalog
) -> None:
    save_file(tensors(width=width), tmp_path / "turn.safetensors")

    assert catalog.find("turn").family == family


def test_an_alpha_in_bf16_is_read_as_one(tmp_path: Path, catalog: FilesystemLoraCatalog) -> None:
    import torch
    from safetensors.torch import save_file as save_torch

    told = {name: torch.from_numpy(tensor) for name, tensor in tensors().items()}
    told[f"{Q}.alpha"] = torch.tensor(-24.0, dtype=torch.bfloat16)
    save_torch(told, tmp_path / "turn.safetensors")

    assert catalog.find("turn").files[0].alphas == (-24.0,)


@pytest.mark.parametrize(
    ("high", "low", "name"),
    [
        ("turn_high_noise", "turn_low_noise", "turn"),
        ("turn-HighNoise", "turn-LowNoise", "turn"),
        ("Wan22_HIGH_rank64", "Wan22_LOW_rank64", "Wan22_rank64"),
        ("high_noise_model", "low_noise_model", "model"),
        ("turn.high", "turn.low", "turn"),
    ],
)
def test_two_files_that_differ_in_their_expert_are_one_lora(
    high: str, low: str, name: str, tmp_path: Path, catalog: FilesystemLoraCatalog
) -> None:
    for stem in (low, high):
        save_file(tensors(), tmp_path / f"{stem}.safetensors")

    (entry,) = catalog.entries()

    assert entry.name == name
    assert [file.path.stem for file in catalog.find(name).files] == [high, low]
    assert [file.experts for file in catalog.find(name).files] == [
        (Expert.HIGH_NOISE,),
        (Expert.LOW_NOISE,),
    ]


def test_what_a_file_for_both_transformers_adds_to_each_is_told_apart(
    tmp_path: Path, catalog: FilesystemLoraCatalog
) -> None:
    layer = "blocks.0.attn1.to_q"
    named = {
        f"{transformer}.{layer}.lora_{part}.weight": zeros(*shape)
        for transformer, rank in (("transformer", 4), ("transformer_2", 8))
        for part, shape in (("A", (rank, 160)), ("B", (160, rank)))
    }
    save_file(named, tmp_path / "turn.safetensors")

    (file,) = catalog.find("turn").files

    assert file.numbers == {Expert.HIGH_NOISE: 2 * 4 * 160, Expert.LOW_NOISE: 2 * 8 * 160}
    assert added_numbers([catalog.find("turn")]) == (2 * 4 * 160, 2 * 8 * 160)


@pytest.mark.parametrize("stem", ["highlander", "slow_motion", "follow", "high_low_mix"])
def test_a_word_that_only_sounds_like_an_expert_is_none(
    stem: str, tmp_path: Path, catalog: FilesystemLoraCatalog
) -> None:
    save_file(tensors(), tmp_path / f"{stem}.safetensors")

    assert catalog.find(stem).files[0].experts == tuple(Expert)


def test_half_a_pair_is_for_its_expert_alone(
    tmp_path: Path, catalog: FilesystemLoraCatalog
) -> None:
    save_file(tensors(), tmp_path / "turn_low.safetensors")

    assert catalog.find("turn").experts == {Expert.LOW_NOISE}


def test_two_files_for_the_same_expert_are_refused(
    tmp_path: Path, catalog: FilesystemLoraCatalog
) -> None:
    for stem in ("turn", "turn_high"):
        save_file(tensors(), tmp_path / f"{stem}.safetensors")

    with pytest.raises(LoraUnusable, match="for the same expert"):
        catalog.find("turn")


@pytest.mark.parametrize("kind", ["dora_scale", "hada_w1_a", "lokr_w1"])
def test_another_kind_of_change_is_refused(
    kind: str, tmp_path: Path, catalog: FilesystemLoraCatalog
) -> None:
    # Its tensors would only be unknown, and what is left of it another change than was meant.
    save_file(tensors(**{f"{Q}.{kind}": zeros(4)}), tmp_path / "turn.safetensors")

    with pytest.raises(LoraUnusable, match=kind):
        catalog.find("turn")


def test_another_models_is_refused(tmp_path: Path, catalog: FilesystemLoraCatalog) -> None:
    theirs = {"transformer.single_transformer_blocks.0.attn.to_q.lora_A.weight": zeros(4, 8)}
    save_file(theirs, tmp_path / "flux.safetensors")

    with pytest.raises(LoraUnusable, match="single_transformer_blocks"):
        catalog.find("flux")


@pytest.mark.parametrize("suffix", [".pt", ".bin", ".ckpt"])
def test_a_pickled_one_is_told_and_never_opened(
    suffix: str, tmp_path: Path, catalog: FilesystemLoraCatalog
) -> None:
    (tmp_path / f"turn{suffix}").write_bytes(b"\x80\x04.")

    (entry,) = catalog.entries()

    assert "pickled" in (entry.problem or "")
    with pytest.raises(UnsafeWeights):
        catalog.find("turn")


@pytest.mark.parametrize("cut", [1, 100, 5000])
def test_s11_one_that_was_cut_short_is_refused(
    cut: int, tmp_path: Path, catalog: FilesystemLoraCatalog
) -> None:
    save_file(tensors(), tmp_path / "turn.safetensors")
    whole = (tmp_path / "turn.safetensors").read_bytes()
    (tmp_path / "turn.safetensors").write_bytes(whole[:-cut])

    with pytest.raises(LoraUnusable, match=r"turn\.safetensors"):
        catalog.find("turn")


def test_names_cannot_leave_the_folder(tmp_path: Path) -> None:
    save_file(tensors(), tmp_path / "outside.safetensors")
    (tmp_path / "loras").mkdir()

    for name in ("../outside", str(tmp_path / "outside"), ""):
        with pytest.raises(UnknownLora):
            FilesystemLoraCatalog(tmp_path / "loras").find(name)


def test_several_who_ask_at_once_have_it_read_once(
    tmp_path: Path, catalog: FilesystemLoraCatalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_file(tensors(), tmp_path / "turn.safetensors")
    lora, readings, digest = catalog.find("turn"), [], hashlib.file_digest

    def slow(file: Any, name: str) -> Any:
        readings.append(name)
        time.sleep(0.05)
        return digest(file, name)

    monkeypatch.setattr(hashlib, "file_digest", slow)
    with ThreadPoolExecutor(4) as pool:
        told = {tuple(hashes) for hashes in pool.map(catalog.hashes, [lora] * 4)}

    assert len(told) == len(readings) == 1
