"""Where the parts of a real pipeline lie, and that it makes no difference to the video.

Without a GPU the CPU stands for one, which is enough for everything but its streams: what is there has
been copied, and lies elsewhere than what it came from.
"""

import weakref
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeAlias

import pytest
import torch
from PIL import Image

import adapters.embedded
from adapters.diffusers.loading import LoadedCheckpoint, load
from adapters.diffusers.parts import bring
from adapters.diffusers.streamed_decode import decode_frames, to_rgb
from adapters.diffusers.video_pipeline import DiffusersVideoPipeline
from adapters.filesystem.checkpoint_catalog import FilesystemCheckpointCatalog
from domain.errors import RenderCancelled
from domain.inputs import NO_INPUTS, InputFiles
from domain.placement import ALL_ON_CPU, ALL_RESIDENT, Place, Placement
from domain.rendering import RenderProgress, StepFinished, StillRunning
from domain.run import Run
from domain.structure import Precision
from tests.fakes.examples import a_request
from tests.fakes.resume_points import FakeResumePoints
from tests.integration.runs import decoded

pytestmark = pytest.mark.slow

HOST = torch.device("cpu")
CATALOG = FilesystemCheckpointCatalog([Path(adapters.embedded.__path__[0])])
MINI = CATALOG.find("mini")
REQUEST = a_request()

VISITING = replace(
    ALL_RESIDENT, experts=Place.VISITING, text_encoder=Place.VISITING, vae=Place.VISITING
)
STREAMED = replace(VISITING, experts=Place.STREAMED)
PINNED = replace(STREAMED, is_pinned=True)
INT8 = replace(VISITING, precision=Precision.INT8)

Frames: TypeAlias = Callable[..., bytes]


@pytest.fixture(scope="module")
def pipeline() -> Iterator[DiffusersVideoPipeline]:
    with closing(DiffusersVideoPipeline(HOST)) as pipeline:
        yield pipeline


@pytest.fixture
def frames(pipeline: DiffusersVideoPipeline) -> Frames:
    def make(
        placement: Placement, report: Callable[[RenderProgress], None] = lambda _: None
    ) -> bytes:
        chunks = pipeline.generate(
            Run(request=REQUEST, checkpoint=MINI, placement=placement), report, FakeResumePoints()
        )
        return b"".join(chunk.rgb.tobytes() for chunk in chunks)

    return make


def addresses(part: torch.nn.Module) -> list[int]:
    return [parameter.data_ptr() for parameter in part.parameters()]


@pytest.mark.parametrize(
    "placement",
    [
        VISITING,
        STREAMED,
        PINNED,
        replace(STREAMED, text_encoder=Place.HOST),
        replace(ALL_RESIDENT, text_encoder=Place.VISITING),
    ],
)
def test_the_video_is_the_same_wherever_the_parts_lie(placement: Placement, frames: Frames) -> None:
    assert frames(placement) == frames(ALL_RESIDENT)


def test_weights_in_int8_change_the_video_a_little(frames: Frames) -> None:
    exact = torch.frombuffer(bytearray(frames(ALL_RESIDENT)), dtype=torch.uint8).float()

    cast = torch.frombuffer(bytearray(frames(INT8)), dtype=torch.uint8).float()

    assert not torch.equal(cast, exact)
    assert (cast - exact).abs().mean() < 20


@pytest.mark.parametrize("placement", [STREAMED, PINNED, ALL_RESIDENT])
def test_weights_in_int8_are_the_same_wherever_they_lie(
    placement: Placement, frames: Frames
) -> None:
    assert frames(replace(placement, precision=Precision.INT8)) == frames(INT8)


def test_a_streamed_run_that_is_ended_within_its_first_forward_does_not_taint_the_next(
    frames: Frames,
) -> None:
    untouched = frames(ALL_RESIDENT)
    moments = 0

    def end_within_a_forward(progress: RenderProgress) -> None:
        nonlocal moments
        moments += isinstance(progress, StillRunning)
        if moments == 5:
            raise RenderCancelled

    with pytest.raises(RenderCancelled):
        frames(STREAMED, end_within_a_forward)
    assert frames(STREAMED) == untouched


def test_the_former_weights_are_gone_when_the_next_are_loaded() -> None:
    # A local name once held them meanwhile: both were in memory at once.
    formers: list[weakref.ref[Any]] = []
    lived: list[bool] = []

    def load_and_look(*arguments: Any) -> LoadedCheckpoint:
        lived.extend(former() is not None for former in formers)
        loaded = load(*arguments)
        formers.append(weakref.ref(loaded.pipe.transformer))
        return loaded

    with closing(DiffusersVideoPipeline(HOST, load=load_and_look)) as pipeline:
        for placement in (ALL_RESIDENT, STREAMED):
            run = Run(request=REQUEST, checkpoint=MINI, placement=placement)
            for _ in pipeline.generate(run, lambda _: None, FakeResumePoints()):
                pass

    assert lived == [False]


def test_a_plan_for_an_accelerator_that_torch_cannot_find_runs_on_the_cpu() -> None:
    if torch.cuda.is_available():
        pytest.skip("it is found here")
    with closing(DiffusersVideoPipeline()) as pipeline:
        made = list(
            pipeline.generate(
                Run(request=REQUEST, checkpoint=MINI), lambda _: None, FakeResumePoints()
            )
        )
        planned = list(
            pipeline.generate(
                Run(request=REQUEST, checkpoint=MINI, placement=STREAMED),
                lambda _: None,
                FakeResumePoints(),
            )
        )

    assert [chunk.rgb.tobytes() for chunk in made] == [chunk.rgb.tobytes() for chunk in planned]


def test_a_resume_point_of_another_precision_is_not_gone_on_from(
    pipeline: DiffusersVideoPipeline,
) -> None:
    saved = FakeResumePoints(due=(2,))
    list(
        pipeline.generate(
            Run(request=REQUEST, checkpoint=MINI, placement=VISITING), lambda _: None, saved
        )
    )
    again, other = FakeResumePoints(saved.points[2]), FakeResumePoints(saved.points[2])

    steps: list[RenderProgress] = []
    list(
        pipeline.generate(
            Run(request=REQUEST, checkpoint=MINI, placement=ALL_RESIDENT), steps.append, again
        )
    )
    list(
        pipeline.generate(
            Run(request=REQUEST, checkpoint=MINI, placement=INT8), lambda _: None, other
        )
    )

    assert again.accepted == 2
    assert StepFinished(step=2) not in steps
    assert other.rejected
    assert "precision" in other.rejected


@pytest.mark.parametrize("from_image", [True, False])
def test_a_resume_point_is_of_other_tiles_where_an_image_was_encoded(
    from_image: bool, pipeline: DiffusersVideoPipeline, tmp_path: Path
) -> None:
    # Tiles change what the VAE makes of a picture, and so the latents; from text alone they change none.
    picture = tmp_path / "image.png"
    Image.radial_gradient("L").resize((64, 64)).save(picture)
    run = Run(
        request=a_request(checkpoint="mini-ti2v", width=64, height=64, num_frames=5, steps=2),
        checkpoint=CATALOG.find("mini-ti2v"),
        inputs=InputFiles(image=picture) if from_image else NO_INPUTS,
        placement=VISITING,
    )
    saved = FakeResumePoints(due=(1,))
    list(pipeline.generate(run, lambda _: None, saved))
    resume = FakeResumePoints(saved.points[1])

    tiled = replace(run, placement=replace(VISITING, is_tiled=True))
    list(pipeline.generate(tiled, lambda _: None, resume))

    assert resume.accepted == (None if from_image else 1)
    assert ("tiles" in (resume.rejected or "")) == from_image


class TestWhoIsThere:
    PARTS = ("text_encoder", "transformer", "transformer_2", "vae")

    @pytest.fixture
    def pipe(self) -> Any:
        loaded = load(MINI, VISITING, HOST)
        loaded.prompts.prepare(["a text that has to be encoded"])
        return loaded.pipe

    @pytest.fixture
    def homes(self, pipe: Any) -> dict[str, list[int]]:
        """Where each part lies before anything works."""
        pipe.parts.settle(VISITING)
        return {name: addresses(getattr(pipe, name)) for name in self.PARTS}

    def there(self, pipe: Any, homes: dict[str, list[int]]) -> set[str]:
        return {name for name, home in homes.items() if addresses(getattr(pipe, name)) != home}

    def test_only_who_works_is(self, pipe: Any, homes: dict[str, list[int]]) -> None:
        for name in self.PARTS:
            bring(pipe, getattr(pipe, name))

            assert self.there(pipe, homes) == {name}

    def test_who_works_again_is_not_copied_again(
        self, pipe: Any, homes: dict[str, list[int]]
    ) -> None:
        bring(pipe, pipe.transformer)
        once = addresses(pipe.transformer)

        bring(pipe, pipe.transformer)

        assert addresses(pipe.transformer) == once

    def test_residents_stay_whoever_works(self, pipe: Any, homes: dict[str, list[int]]) -> None:
        pipe.parts.settle(replace(VISITING, text_encoder=Place.RESIDENT, vae=Place.RESIDENT))

        bring(pipe, pipe.transformer)

        assert self.there(pipe, homes) == {"text_encoder", "vae", "transformer"}

    def test_a_visitor_that_is_to_stay_comes(self, pipe: Any, homes: dict[str, list[int]]) -> None:
        bring(pipe, pipe.vae)

        pipe.parts.settle(ALL_RESIDENT)

        assert self.there(pipe, homes) == set(self.PARTS)

    def test_one_for_which_memory_ends_halfway_is_home_again(
        self, pipe: Any, homes: dict[str, list[int]], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        to, room = torch.Tensor.to, iter(range(3))

        def to_what_is_left(tensor: torch.Tensor, *device: Any, **how: Any) -> torch.Tensor:
            if how.get("copy") and next(room, None) is None:
                raise torch.OutOfMemoryError
            return to(tensor, *device, **how)

        monkeypatch.setattr(torch.Tensor, "to", to_what_is_left)
        with pytest.raises(torch.OutOfMemoryError):
            bring(pipe, pipe.transformer)
        monkeypatch.undo()
        pipe.parts.settle(VISITING)

        assert self.there(pipe, homes) == set()

    def test_a_part_on_the_host_never_comes(self, pipe: Any, homes: dict[str, list[int]]) -> None:
        pipe.parts.settle(replace(VISITING, text_encoder=Place.HOST))

        bring(pipe, pipe.text_encoder)

        assert self.there(pipe, homes) == set()


@pytest.mark.parametrize(
    ("placement", "can"),
    [
        (ALL_RESIDENT, True),
        (replace(VISITING, is_tiled=True), True),
        (STREAMED, False),
        (INT8, False),
        (ALL_ON_CPU, False),
    ],
)
def test_only_what_is_done_once_makes_it_load_again(placement: Placement, can: bool) -> None:
    pipe = load(MINI, VISITING, HOST).pipe

    assert pipe.parts.can_become(placement) is can


@pytest.fixture(scope="module")
def vae() -> Any:
    """One with small tiles."""
    vae = load(MINI, ALL_ON_CPU, HOST).pipe.vae
    vae.enable_tiling(64, 64, 48, 48)
    return vae


class TestTiles:
    @pytest.fixture
    def latents(self) -> torch.Tensor:
        return torch.randn(1, 16, 3, 16, 12, generator=torch.Generator().manual_seed(7))

    def test_they_are_decoded_as_the_library_does_bit_for_bit(
        self, vae: Any, latents: torch.Tensor
    ) -> None:
        shape = (1, 16, 1, 1, 1)
        mean = torch.tensor(vae.config.latents_mean).view(shape)
        inverse_std = 1.0 / torch.tensor(vae.config.latents_std).view(shape)
        with torch.no_grad():
            whole = vae.decode(latents / inverse_std + mean, return_dict=False)[0][0]
        unit = (whole / 2 + 0.5).clamp(0, 1).permute(1, 2, 3, 0)
        expected = (unit * 255).round().to(torch.uint8)

        chunks = [to_rgb(pictures) for pictures in decode_frames(vae, latents)]

        assert [len(chunk) for chunk in chunks] == [1, 4, 4]
        assert torch.equal(torch.cat(chunks), expected)

    def test_what_is_no_larger_than_one_is_decoded_whole(self, vae: Any) -> None:
        latents = torch.randn(1, 16, 3, 8, 8, generator=torch.Generator().manual_seed(7))
        tiled = decoded(vae, latents)
        vae.disable_tiling()

        whole = decoded(vae, latents)

        vae.use_tiling = True
        assert torch.equal(tiled, whole)

    def test_there_is_a_moment_to_stop_at_before_each_frame_of_each_tile(
        self, vae: Any, latents: torch.Tensor
    ) -> None:
        moments: list[None] = []

        list(decode_frames(vae, latents, lambda: moments.append(None)))

        assert len(moments) == 3 * (3 * 2)  # latent frames, rows and columns of tiles

    def test_one_that_is_stopped_leaves_nothing_behind(
        self, vae: Any, latents: torch.Tensor
    ) -> None:
        untouched = decoded(vae, latents)

        def stop() -> None:
            raise RenderCancelled

        with pytest.raises(RenderCancelled):
            list(decode_frames(vae, latents, stop))
        assert torch.equal(decoded(vae, latents), untouched)
