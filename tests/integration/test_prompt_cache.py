"""A prompt that comes again costs no text encoder, and changes no bit."""

import os
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

import adapters.embedded
from adapters.diffusers.prompt_cache import PromptCache
from adapters.diffusers.video_pipeline import DiffusersVideoPipeline
from adapters.filesystem.checkpoint_catalog import FilesystemCheckpointCatalog, read_checkpoint
from domain.errors import CheckpointBroken, PromptTooLong
from domain.generation import GenerationRequest
from domain.local_checkpoint import LocalCheckpoint
from domain.run import Run
from tests.fakes.examples import a_request
from tests.fakes.resume_points import FakeResumePoints

pytestmark = pytest.mark.slow
IDENTITY = {"weights": "abc", "dtype": "torch.float32"}
EMBEDDING = torch.randn(3, 16, generator=torch.Generator().manual_seed(0))
REQUEST = a_request(width=32, height=32, num_frames=5, steps=2, negative_prompt="blue")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "prompts"


@pytest.fixture
def cache(folder: Path) -> PromptCache:
    return PromptCache(folder)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_what_was_kept_comes_back_bit_for_bit(dtype: torch.dtype, cache: PromptCache) -> None:
    cache.keep("a circle", IDENTITY, EMBEDDING.to(dtype))

    found = cache.find("a circle", IDENTITY)

    assert found is not None
    assert found.dtype == dtype
    assert torch.equal(found, EMBEDDING.to(dtype))


def test_another_text_or_another_encoder_is_another_embedding(cache: PromptCache) -> None:
    cache.keep("a circle", IDENTITY, EMBEDDING)

    assert cache.find("a circle ", IDENTITY) is None
    assert cache.find("a circle", {**IDENTITY, "weights": "abd"}) is None
    assert cache.find("a circle", {**IDENTITY, "dtype": "torch.bfloat16"}) is None


def test_what_is_damaged_anywhere_is_thrown_away_and_told(
    cache: PromptCache, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    cache.keep("a circle", IDENTITY, EMBEDDING)
    (file,) = folder.iterdir()
    sound = file.read_bytes()
    spoiled = [sound[:-1], b"", sound + b"\0"]
    spoiled += [sound[:at] + bytes([sound[at] ^ 1]) + sound[at + 1 :] for at in range(len(sound))]

    for content in spoiled:
        file.write_bytes(content)
        found = cache.find("a circle", IDENTITY)
        assert found is None or torch.equal(found, EMBEDDING)  # blanks around the header may differ
        assert file.exists() == (found is not None)

    assert caplog.text.count("prompt embedding damaged") > len(sound) - 20


def test_what_was_used_longest_ago_goes_first_and_the_bound_holds(folder: Path) -> None:
    PromptCache(folder).keep("size", IDENTITY, EMBEDDING)
    (file,) = folder.iterdir()
    size = file.stat().st_size
    file.unlink()
    cache = PromptCache(folder, max_bytes=3 * size)
    for age, text in enumerate(["a", "b", "c"]):
        cache.keep(text, IDENTITY, EMBEDDING)
        path = next(iter(sorted(folder.iterdir(), key=lambda path: -path.stat().st_mtime_ns)))
        os.utime(path, ns=(0, age + 1))
    assert cache.find("a", IDENTITY) is not None  # used again: now b is the oldest

    cache.keep("d", IDENTITY, EMBEDDING)

    here = [text for text in "abcd" if cache.find(text, IDENTITY) is not None]
    assert here == ["a", "c", "d"]
    assert sum(path.stat().st_size for path in folder.iterdir()) <= 3 * size


def test_a_folder_that_cannot_be_used_ends_no_run(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("in its place")
    cache = PromptCache(tmp_path / "file")

    cache.keep("a circle", IDENTITY, EMBEDDING)

    assert cache.find("a circle", IDENTITY) is None
    assert "prompt embedding not kept" in caplog.text


@pytest.fixture(scope="module")
def mini() -> LocalCheckpoint:
    return FilesystemCheckpointCatalog([Path(adapters.embedded.__path__[0])]).find("mini")


class Process:
    """A worker with the cache of its data directory; `encodings` counts its text encoder's passes."""

    def __init__(self, cache: PromptCache | None = None) -> None:
        self.pipeline = DiffusersVideoPipeline(cache=cache)
        self.encodings = 0

    @property
    def has_encoder(self) -> bool:
        return self._pipe.text_encoder is not None

    def frames(self, checkpoint: LocalCheckpoint, **changes: Any) -> bytes:
        request: GenerationRequest = replace(REQUEST, **changes)
        chunks = self.pipeline.generate(
            Run(request=request, checkpoint=checkpoint), lambda _progress: None, FakeResumePoints()
        )
        return b"".join(chunk.rgb.tobytes() for chunk in chunks)

    def watch(self) -> None:
        self._pipe.text_encoder.register_forward_pre_hook(self._count)

    def _count(self, *_: object) -> None:
        self.encodings += 1

    @property
    def _pipe(self) -> Any:
        assert self.pipeline._loaded is not None
        return self.pipeline._loaded.pipe


@pytest.fixture
def process(cache: PromptCache) -> Iterator[Process]:
    process = Process(cache)
    yield process
    process.pipeline.close()


@pytest.fixture(scope="module")
def without_a_cache(mini: LocalCheckpoint) -> bytes:
    return Process().frames(mini)


def test_frames_are_the_same_cold_and_warm_and_a_hit_loads_no_text_encoder(
    process: Process, cache: PromptCache, mini: LocalCheckpoint, without_a_cache: bytes
) -> None:
    cold = process.frames(mini)
    assert process.has_encoder
    process.watch()

    warm = process.frames(mini)
    elsewhere = Process(cache)
    in_another_process = elsewhere.frames(mini)

    assert cold == warm == in_another_process == without_a_cache
    assert process.encodings == 0
    assert not elsewhere.has_encoder


def test_only_the_text_that_is_new_is_encoded(process: Process, mini: LocalCheckpoint) -> None:
    process.frames(mini)
    process.watch()

    process.frames(mini, prompt="a white star")

    assert process.encodings == 1


def test_a_damaged_embedding_is_made_anew(
    process: Process, folder: Path, mini: LocalCheckpoint, without_a_cache: bytes
) -> None:
    process.frames(mini)
    process.watch()
    damaged = max(folder.iterdir(), key=lambda path: path.stat().st_size)
    content = bytearray(damaged.read_bytes())
    content[-1] ^= 1
    damaged.write_bytes(content)

    again = process.frames(mini)

    assert again == without_a_cache
    assert process.encodings == 1
    assert damaged.read_bytes() != content


def test_a_prompt_that_is_too_long_is_refused_and_not_kept(
    process: Process, folder: Path, mini: LocalCheckpoint
) -> None:
    for _ in range(2):
        with pytest.raises(PromptTooLong, match="the model reads 512"):
            process.frames(mini, prompt=" ".join(["red"] * 600))

    assert not folder.exists()


def test_a_text_encoder_that_changed_under_a_loaded_transformer_is_not_used(
    process: Process, cache: PromptCache, tmp_path: Path, mini: LocalCheckpoint
) -> None:
    folder = Path(shutil.copytree(mini.folder, tmp_path / "mini"))
    (folder / "manifest.json").unlink()
    copy = read_checkpoint(mini.spec, folder)
    process.frames(copy)
    other = Process(cache)
    other.frames(copy)
    os.utime(folder / "text_encoder" / "model.safetensors")

    with pytest.raises(CheckpointBroken, match="was changed"):
        other.frames(copy, prompt="a white star")

    assert other.frames(copy, prompt="a white star") == process.frames(mini, prompt="a white star")
