"""What is seen of a run while it is made: it looks like the video, and changes no bit of it."""

import io
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
import torch.nn.functional as F  # noqa: N812 - as everybody calls it
from PIL import Image

import adapters.embedded
from adapters.diffusers.latent_previews import fit_colours
from adapters.diffusers.video_pipeline import DiffusersVideoPipeline
from adapters.filesystem.checkpoint_catalog import FilesystemCheckpointCatalog
from adapters.pillow.preview_file import MAX_BYTES, encode_preview
from adapters.synthetic.video_pipeline import SyntheticVideoPipeline, draw_card
from domain import previews
from domain.ports.video_pipeline import VideoPipeline
from domain.previews import PreviewMaking
from domain.rendering import Previewed, RenderProgress, StepFinished
from domain.run import Run
from domain.video import FrameChunk
from tests.fakes.examples import a_request
from tests.fakes.resume_points import FakeResumePoints
from tests.integration.tiny_wans import FAMILY, a_pipe

CATALOG = FilesystemCheckpointCatalog([Path(adapters.embedded.__path__[0])])


@pytest.fixture
def making(monkeypatch: pytest.MonkeyPatch) -> PreviewMaking:
    """One after every step, whatever it costs."""
    monkeypatch.setattr(previews, "SHARE", 1e9)
    return PreviewMaking(encode=encode_preview, interval_s=0.0)


def made_by(
    pipeline: VideoPipeline, **changes: Any
) -> tuple[bytes, list[Previewed], list[RenderProgress]]:
    """The frames of a run, its previews, and all its reports."""
    heard: list[RenderProgress] = []
    request = a_request(prompt="a red circle moving right on a blue background", **changes)
    chunks = pipeline.generate(
        Run(request=request, checkpoint=CATALOG.find("mini")), heard.append, FakeResumePoints()
    )
    frames = b"".join(chunk.rgb.tobytes() for chunk in chunks)
    return frames, [told for told in heard if isinstance(told, Previewed)], heard


def opened(image: bytes) -> "npt.NDArray[np.uint8]":
    """(frames, height, width, 3)."""
    pictures = []
    with Image.open(io.BytesIO(image)) as file:
        assert file.format == "WEBP"
        for index in range(file.n_frames):
            file.seek(index)
            pictures.append(np.asarray(file.convert("RGB")))
    return np.stack(pictures)


MAKERS: Sequence[Any] = (
    SyntheticVideoPipeline,
    pytest.param(DiffusersVideoPipeline, marks=pytest.mark.slow),
)


@pytest.mark.parametrize("maker", MAKERS)
def test_previews_come_before_their_steps_and_change_no_bit(
    maker: Callable[..., VideoPipeline], making: PreviewMaking
) -> None:
    size: dict[str, Any] = {"width": 64, "height": 32, "num_frames": 9, "steps": 3}
    plain, none, _ = made_by(maker(), **size)

    frames, shown, heard = made_by(maker(previews=making), **size)

    assert frames == plain
    assert none == []
    assert [told.step for told in shown] == [1, 2, 3]
    assert all(heard.index(told) + 1 == heard.index(StepFinished(step=told.step)) for told in shown)
    # Of 9 frames, 3 latent ones; those that are alike are one in the file.
    assert all(1 <= opened(told.image).shape[0] <= 3 for told in shown)


@pytest.mark.slow
@pytest.mark.parametrize("scheduler", ["unipc", "euler", "dpm++"])
def test_the_last_ones_look_like_the_video(scheduler: str, making: PreviewMaking) -> None:
    pipeline = DiffusersVideoPipeline(previews=making)
    frames, shown, _ = made_by(
        pipeline, width=128, height=128, num_frames=17, steps=8, scheduler=scheduler
    )

    video = np.frombuffer(frames, np.uint8).reshape(17, 128, 128, 3)[::4]
    small = video.reshape(5, 16, 8, 16, 8, 3).mean(axis=(2, 4))
    errors = [float(((opened(told.image) - small) ** 2).mean()) for told in shown]
    assert 10 * np.log10(255**2 / errors[-1]) > 19  # dB
    assert errors[-1] < errors[0]  # it gets clearer


def test_a_card_is_previewed_as_it_is_drawn(making: PreviewMaking) -> None:
    request = a_request(prompt="a red circle moving right on a blue background")

    _, shown, _ = made_by(SyntheticVideoPipeline(previews=making))

    card = opened(shown[0].image)[0].astype(float)
    assert np.abs(card - draw_card(request, 0)).mean() < 20


@pytest.mark.slow
@pytest.mark.parametrize("name", ["t2v-A14B", "ti2v-5B"])
def test_every_vae_of_the_family_can_be_fitted(name: str) -> None:
    vae = a_pipe(FAMILY[name]).vae
    colours = fit_colours(vae)

    torch.manual_seed(1)
    pictures = colours.pictures(torch.randn(1, vae.config.z_dim, 2, 4, 6))

    assert colours.weights.shape == (vae.config.z_dim + 1, 3)
    assert torch.isfinite(colours.weights).all()
    assert (pictures.num_frames, pictures.height, pictures.width) == (2, 4, 6)


def a_chunk(pixels: "npt.NDArray[np.uint8]") -> FrameChunk:
    frames, height, width, _ = pixels.shape
    return FrameChunk(rgb=pixels.data, num_frames=frames, height=height, width=width)


@pytest.mark.parametrize("noise", [0, 8, 60])
def test_a_file_is_small_whatever_it_shows(noise: int) -> None:
    dice = torch.Generator().manual_seed(0)
    smooth = F.interpolate(
        torch.rand(1, 3, 2, 5, 8, generator=dice) * 255, size=(21, 90, 160), mode="trilinear"
    )[0].permute(1, 2, 3, 0)
    noisy = smooth + noise * torch.randn(smooth.shape, generator=dice)
    pixels = noisy.clamp(0, 255).to(torch.uint8).contiguous().numpy()

    image = encode_preview(a_chunk(pixels), duration_s=5.0)

    with Image.open(io.BytesIO(image)) as file:
        lasts_ms = 0
        for index in range(file.n_frames):
            file.seek(index)
            file.load()
            lasts_ms += file.info.get("duration", 0)
        assert file.size == (160, 90)
        assert file.n_frames == 1 or lasts_ms == pytest.approx(5000, rel=0.01)
    assert len(image) <= MAX_BYTES
    assert noise == 60 or file.n_frames > 5


def test_large_pictures_are_made_small() -> None:
    pixels = np.zeros((1, 720, 1280, 3), np.uint8)

    assert opened(encode_preview(a_chunk(pixels), duration_s=1.0)).shape == (1, 144, 256, 3)
