"""Every checkpoint of the family in small: from a draft that is submitted to the file, and what is refused.

The folders are real ones but for their size, and random: loaded, denoised, decoded, encoded, published.
"""

import asyncio
import json
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import WanImageToVideoPipeline, WanPipeline
from PIL import Image
from safetensors.torch import load_file, save_file

from adapters.diffusers.loading import load
from adapters.filesystem.checkpoint_catalog import FilesystemCheckpointCatalog
from adapters.pyav.video_encoder import PyAvVideoEncoder
from application.submission import Submission
from bootstrap.core_container import CoreContainer
from bootstrap.server_container import ServerContainer
from bootstrap.settings import load_settings
from domain.checkpoint import checkpoint_spec
from domain.errors import CheckpointBroken, InvalidRequest
from domain.generation import GenerationDraft
from domain.inputs import InputFiles
from domain.job import Job
from domain.job_event import JobStatus
from domain.library import Filters
from domain.placement import ALL_ON_CPU
from domain.recipe import RECIPE_KEY
from domain.video import FrameChunk
from tests.integration.clips import noisy_frames, video_file
from tests.integration.runs import run_stock
from tests.integration.tiny_wans import FAMILY, make_checkpoint

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    for checkpoint_id in FAMILY:
        make_checkpoint(checkpoint_id, folder)
    return folder


@dataclass(frozen=True)
class Studio:
    """A server without its HTTP, rendering in this process."""

    core: Any
    server: Any

    def upload(self, seed: int, size: tuple[int, int]) -> str:
        """The id of a picture of noise."""
        width, height = size
        pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)
        file = BytesIO()
        Image.fromarray(pixels).save(file, "PNG")
        return str(self.core.upload_image().execute(file.getvalue()).id)

    async def submit(self, **said: Any) -> Job:
        draft = GenerationDraft(**{"prompt": "a red circle", **SMALL, **said})
        return (await self.server.submit().execute(Submission(draft=draft))).job

    async def make(self, **said: Any) -> tuple[Job, Path]:
        """The job, completed, and its file."""
        submitted = await self.submit(**said)
        dispatching = asyncio.create_task(self.server.dispatch().run())
        async for _ in self.server.queries().follow(submitted.id):
            pass
        dispatching.cancel()
        await asyncio.wait([dispatching])
        job = await self.server.queries().job(submitted.id)
        assert job.status is JobStatus.COMPLETED, job.failure
        _, path = await self.server.browse().video(job.id)
        return job, path


SMALL = {"width": 64, "height": 32, "num_frames": 5, "steps": 3, "seed": 7, "flow_shift": 5.0}


@asynccontextmanager
async def a_studio(models: Path, folder: Path) -> AsyncIterator[Studio]:
    overrides = {"data_dir": str(folder), "renderer": "inprocess", "models.dir": str(models)}
    core = CoreContainer(settings=load_settings(overrides=overrides, environment={}))
    core.data_directory().prepare()
    server = ServerContainer(core=core)
    await server.database().open()
    yield Studio(core, server)
    for renderer in server.renderers():
        await renderer.close()
    await server.database().close()


@pytest.fixture
async def studio(models: Path, tmp_path: Path) -> AsyncIterator[Studio]:
    async with a_studio(models, tmp_path / "data") as studio:
        yield studio


@pytest.mark.parametrize(
    ("checkpoint", "images"),
    [
        ("t2v-A14B", ()),
        ("t2v-1.3B", ()),
        ("ti2v-5B", ()),
        ("ti2v-5B", ("image",)),
        ("i2v-A14B", ("image",)),
        ("i2v-A14B", ("image", "last_image")),
    ],
    ids=str,
)
async def test_a_draft_becomes_the_file_of_the_stock_pipelines_frames(
    checkpoint: str, images: tuple[str, ...], studio: Studio, models: Path, tmp_path: Path
) -> None:
    given = {name: studio.upload(seed, (64, 32)) for seed, name in enumerate(images)}

    job, path = await studio.make(checkpoint=checkpoint, **given)

    # From the same folder: tensors that lie elsewhere in memory are summed in another order.
    kind = WanImageToVideoPipeline if images else WanPipeline
    pipe = kind.from_pretrained(models / checkpoint, dtype=torch.float32)
    pipe.set_progress_bar_config(disable=True)
    paths = {name: studio.core.images().locate(image_id) for name, image_id in given.items()}
    frames = run_stock(pipe, job.request, InputFiles(**paths), output_type="np")[0]
    stock = encoded(frames, tmp_path / "stock.mp4", PyAvVideoEncoder().probe(path).metadata)
    assert frames.shape == (5, 32, 64, 3)
    assert path.read_bytes() == stock
    assert recipe(path) == {**recipe(path), "checkpoint": checkpoint, **given}


@pytest.mark.parametrize("checkpoint", ["t2v-1.3B", "t2v-A14B", "ti2v-5B"])
async def test_a_given_video_is_made_anew(checkpoint: str, studio: Studio) -> None:
    fps = checkpoint_spec(checkpoint).defaults.fps
    clip = studio.core.upload_video().execute(video_file(noisy_frames(5), fps=fps))

    job, path = await studio.make(checkpoint=checkpoint, video=clip.id, strength=0.7)

    assert (job.step, job.request.steps) == (2, 3)
    assert recipe(path) == {**recipe(path), "video": clip.id, "strength": 0.7}


async def test_a_control_and_references_make_a_file(studio: Studio) -> None:
    clip = studio.core.upload_video().execute(video_file(noisy_frames(5), fps=16))
    said = {"control_video": clip.id, "references": [studio.upload(1, (40, 90))]}

    job, path = await studio.make(
        checkpoint="vace-14B", **{**said, "references": (said["references"][0],)}
    )

    assert job.video is not None
    assert (job.video.num_frames, job.video.width, job.video.height) == (5, 64, 32)
    assert recipe(path).items() >= said.items()


@pytest.mark.parametrize("num_frames", [5, 81])
async def test_a_character_is_animated(num_frames: int, studio: Studio) -> None:
    pose, face = (
        studio.core.upload_video().execute(video_file(noisy_frames(num_frames, size), fps=30)).id
        for size in ((64, 32), (32, 32))
    )
    said = {"control_video": pose, "face_video": face, "references": (studio.upload(1, (40, 90)),)}

    job, path = await studio.make(checkpoint="animate-14B", num_frames=num_frames, **said)

    assert job.video is not None
    assert (job.video.num_frames, job.video.fps) == (num_frames, 30)
    assert job.step == (3 if num_frames == 5 else 2 * 3)
    assert recipe(path)["face_video"] == face


@pytest.mark.parametrize("fit", ["crop", "pad"])
async def test_images_of_another_shape_are_fitted_as_asked(fit: str, studio: Studio) -> None:
    images = {"image": studio.upload(1, (100, 30)), "last_image": studio.upload(2, (30, 100))}

    _job, path = await studio.make(checkpoint="i2v-A14B", image_fit=fit, **images)

    assert recipe(path)["image_fit"] == fit
    with pytest.raises(InvalidRequest, match="would be stretched"):
        await studio.submit(checkpoint="i2v-A14B", **images)


@pytest.mark.parametrize(
    ("said", "pointer", "nearest"),
    [
        ({"checkpoint": "i2v-A14B"}, "/image", ()),
        ({"checkpoint": "i2v-A14B", "last_image": "HERE"}, "/image", ()),
        (
            {"checkpoint": "t2v-A14B", "image": "HERE"},
            "/checkpoint",
            ("mini-ti2v", "i2v-A14B", "ti2v-5B"),
        ),
        (
            {"checkpoint": "t2v-1.3B", "image": "HERE"},
            "/checkpoint",
            ("mini-ti2v", "i2v-A14B", "ti2v-5B"),
        ),
        (
            {"checkpoint": "ti2v-5B", "image": "HERE", "last_image": "HERE"},
            "/checkpoint",
            ("i2v-A14B",),
        ),
        # diffusers would make 64 of 80, and 5 frames of 6, with a line in the log
        ({"checkpoint": "ti2v-5B", "width": 80}, "/width", (64, 96)),
        ({"checkpoint": "t2v-A14B", "num_frames": 6}, "/num_frames", (5, 9)),
        ({"checkpoint": "t2v-1.3B", "guidance_low_noise": 2.0}, "/guidance_low_noise", (6.0,)),
        ({"checkpoint": "i2v-A14B", "image": "HERE", "width": 32}, "/image", ("32x16",)),
        ({"checkpoint": "t2v-A14B", "references": ("HERE",)}, "/checkpoint", ("vace-14B",)),
        (
            {"checkpoint": "vace-14B", "image": "HERE"},
            "/checkpoint",
            ("mini-ti2v", "i2v-A14B", "ti2v-5B"),
        ),
    ],
    ids=str,
)
async def test_what_a_checkpoint_cannot_do_is_refused(
    said: dict[str, Any], pointer: str, nearest: tuple[Any, ...], studio: Studio
) -> None:
    here = studio.upload(1, (64, 32))
    said = {
        name: here if value == "HERE" else (here,) if value == ("HERE",) else value
        for name, value in said.items()
    }

    with pytest.raises(InvalidRequest) as refused:
        await studio.submit(**said)

    [violation] = refused.value.violations
    assert (violation.pointer, violation.nearest) == (pointer, nearest)
    assert await studio.server.browse().generations(Filters(), limit=1) == []


@pytest.mark.parametrize(
    ("folder", "called", "changes", "words"),
    [
        ("t2v-A14B", "i2v-A14B", {}, "switches experts at 0.875"),
        ("t2v-A14B", "i2v-A14B", {"boundary_ratio": 0.9}, "reads 16 channels"),
        ("i2v-A14B", "t2v-A14B", {"boundary_ratio": 0.875}, "reads 36 channels"),
        ("t2v-1.3B", "ti2v-5B", {}, "expand_timesteps"),
        ("ti2v-5B", "t2v-1.3B", {}, "expand_timesteps"),
        ("t2v-1.3B", "t2v-A14B", {}, "two experts"),
        ("vace-14B", "t2v-1.3B", {}, "is a WanVACETransformer3DModel"),
        ("t2v-1.3B", "vace-14B", {}, "is a WanTransformer3DModel"),
        ("vace-14B", "animate-14B", {}, "has no image_encoder"),
        ("animate-14B", "t2v-1.3B", {}, "is a WanAnimateTransformer3DModel"),
    ],
    ids=str,
)
def test_a_folder_in_the_place_of_another_is_refused(
    folder: str, called: str, changes: dict[str, Any], words: str, models: Path, tmp_path: Path
) -> None:
    (tmp_path / called).mkdir()
    for part in (models / folder).iterdir():
        (tmp_path / called / part.name).symlink_to(part)
    index = tmp_path / called / "model_index.json"
    told = json.loads(index.read_text()) | changes
    index.unlink()
    index.write_text(json.dumps(told))

    with pytest.raises(CheckpointBroken, match=words):
        FilesystemCheckpointCatalog([tmp_path]).find(called)


@pytest.mark.parametrize("part", ["transformer", "image_encoder"])
def test_an_animate_folder_that_lacks_a_tensor_is_broken(
    part: str, models: Path, tmp_path: Path
) -> None:
    # For an image encoder, transformers draws the missing tensor at random, with a line in the log.
    folder = Path(shutil.copytree(models / "animate-14B", tmp_path / "animate-14B"))
    (file,) = (folder / part).glob("*.safetensors")
    tensors = load_file(file)
    del tensors[min(name for name in tensors if name.endswith("weight"))]
    save_file(tensors, file, metadata={"format": "pt"})

    with pytest.raises(CheckpointBroken, match="cannot be loaded"):
        checkpoint = FilesystemCheckpointCatalog([tmp_path]).find("animate-14B")
        load(checkpoint, ALL_ON_CPU, torch.device("cpu"))


def recipe(path: Path) -> dict[str, Any]:
    """The request that lies in the file."""
    metadata = PyAvVideoEncoder().probe(path).metadata
    told: dict[str, Any] = json.loads(metadata[RECIPE_KEY])["request"]
    return told


def encoded(frames: Any, path: Path, metadata: Any) -> bytes:
    """Stock's floats as a file like ours."""
    pixels = np.ascontiguousarray((frames * 255).round().astype(np.uint8))
    count, height, width, _ = pixels.shape
    chunk = FrameChunk(rgb=pixels.data, num_frames=count, height=height, width=width)
    fps = int(json.loads(metadata[RECIPE_KEY])["request"]["fps"])
    PyAvVideoEncoder().encode([chunk], path, fps=fps, metadata=metadata)
    return path.read_bytes()
