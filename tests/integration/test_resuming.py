"""A run that was cut short and taken up again makes the file of the unbroken run, byte for byte."""

import os
import random
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import adapters.embedded
from adapters.diffusers.run_state import FORMAT, _from_bytes, to_bytes
from adapters.diffusers.video_pipeline import DiffusersVideoPipeline
from adapters.filesystem.artifact_store import FilesystemArtifactStore
from adapters.filesystem.checkpoint_catalog import FilesystemCheckpointCatalog, read_checkpoint
from adapters.filesystem.image_store import FilesystemImageStore
from adapters.filesystem.resume_store import FilesystemResumeStore
from adapters.pyav.video_encoder import PyAvVideoEncoder
from application.render_video import RenderVideo
from application.resume_points import KeepResumePoints
from domain.errors import RenderSuspended
from domain.generation import SCHEDULERS, GenerationRequest
from domain.local_checkpoint import LocalCheckpoint
from domain.rendering import (
    RenderOrder,
    RenderProgress,
    Resumed,
    ResumeRejected,
    StepFinished,
    StillRunning,
)
from domain.run import Run
from tests.fakes.clock import FakeClock
from tests.fakes.examples import a_request
from tests.fakes.resume_points import FakeResumePoints

pytestmark = pytest.mark.slow
#: A user's own folder comes first, and here there is none.
CATALOG = FilesystemCheckpointCatalog([Path("nobodys"), Path(adapters.embedded.__path__[0])])
STEPS = 8
#: Of 8 steps at shift 5, those of the high-noise expert: the cut after them is on the boundary.
BOUNDARY_STEP = 4


class Worker:
    """What a worker process holds; `anew` is what the next one would."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.pipeline = DiffusersVideoPipeline()
        self.store = FilesystemArtifactStore(staging=folder / "staging", outputs=folder / "outputs")
        self.images = FilesystemImageStore(folder / "inputs")
        self.resume = FilesystemResumeStore(folder / "resume")

    def renders(self, points: KeepResumePoints) -> RenderVideo:
        encoder = PyAvVideoEncoder()
        return RenderVideo(
            CATALOG, self.pipeline, encoder, self.store, self.images, points, version="1.2.3"
        )

    def render(
        self, request: GenerationRequest, report: Any, *, job_id: str = "gen_1", fence: int = 1
    ) -> str:
        """The SHA-256 of the file."""
        points = KeepResumePoints(self.resume, FakeClock(), 1)
        order = RenderOrder(job_id=job_id, fence=fence, request=request)
        return self.renders(points).execute(order, report).sha256


@pytest.fixture(scope="module")
def worker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Worker]:
    worker = Worker(tmp_path_factory.mktemp("data"))
    yield worker
    worker.pipeline.close()


@pytest.fixture(scope="module")
def unbroken_files() -> dict[str, str]:
    """SHA-256 of the file of an unbroken run, by scheduler; each made once."""
    return {}


def unheard(_progress: RenderProgress) -> None:
    """Nobody listens."""


def a_wish(**changes: Any) -> GenerationRequest:
    request = a_request(width=32, height=32, num_frames=9, steps=STEPS, flow_shift=5.0)
    return replace(request, **changes)


def cuts(count: int) -> Iterator[Any]:
    """Each after some step, then within some moment of it, of one run or of two; seeded."""
    dice = random.Random(7)
    for number in range(count):
        step = [BOUNDARY_STEP - 1, BOUNDARY_STEP, BOUNDARY_STEP + 1, STEPS, 1][number % 10 // 2]
        first = step if number % 2 else dice.randint(1, STEPS)
        second = dice.choice([None, *range(first + 1, STEPS + 1)])
        yield pytest.param(SCHEDULERS[number % 3], first, second, dice.randrange(4), id=f"{number}")


@pytest.mark.parametrize(("scheduler", "first", "second", "moments"), list(cuts(54)))
def test_a_run_cut_anywhere_makes_the_unbroken_runs_file(
    scheduler: str,
    first: int,
    second: int | None,
    moments: int,
    worker: Worker,
    unbroken_files: dict[str, str],
) -> None:
    request = a_wish(scheduler=scheduler)
    if scheduler not in unbroken_files:
        unbroken_files[scheduler] = worker.render(request, unheard)
        worker.resume.discard("gen_1")
    reports: list[RenderProgress] = []

    for fence, cut in enumerate((first, second), start=1):
        if cut is not None:
            with pytest.raises(_Killed):
                worker.render(request, _killed_after(cut, moments), fence=fence)
    resumed = worker.render(request, reports.append, fence=3)

    last = second or first
    assert Resumed(step=last) in reports
    steps = [told.step for told in reports if isinstance(told, StepFinished)]
    assert steps == list(range(last + 1, STEPS + 1))
    assert resumed == unbroken_files[scheduler]
    worker.resume.discard("gen_1")


def test_the_cuts_fall_on_both_sides_of_the_experts_boundary(worker: Worker) -> None:
    experts: list[str] = []
    worker.render(a_wish(), unheard, job_id="gen_2")
    pipe = worker.pipeline._loaded.pipe  # type: ignore[union-attr]
    hooks = [
        getattr(pipe, name).register_forward_pre_hook(lambda *_, name=name: experts.append(name))
        for name in ("transformer", "transformer_2")
    ]

    worker.resume.discard("gen_2")
    worker.render(a_wish(), unheard, job_id="gen_2")

    for hook in hooks:
        hook.remove()
    assert experts.count("transformer") == 2 * BOUNDARY_STEP
    assert experts.count("transformer_2") == 2 * (STEPS - BOUNDARY_STEP)


def test_a_run_goes_on_in_another_process_state_and_all(worker: Worker, tmp_path: Path) -> None:
    request = a_wish(seed=11)
    unbroken = worker.render(request, unheard, job_id="gen_3")
    worker.resume.discard("gen_3")
    with pytest.raises(_Killed):
        worker.render(request, _killed_after(4, 1), job_id="gen_3")

    another = Worker(worker._folder)

    assert another.render(request, unheard, job_id="gen_3", fence=2) == unbroken
    another.pipeline.close()


def test_a_failed_encode_is_tried_again_without_a_transformer(worker: Worker) -> None:
    request = a_wish(seed=12)
    unbroken = worker.render(request, unheard, job_id="gen_4")
    pipe = worker.pipeline._loaded.pipe  # type: ignore[union-attr]
    passes: list[object] = []
    parts = (pipe.transformer, pipe.transformer_2, pipe.text_encoder)
    hooks = [part.register_forward_pre_hook(lambda *_: passes.append(1)) for part in parts]

    again = worker.render(request, unheard, job_id="gen_4", fence=2)

    for hook in hooks:
        hook.remove()
    assert again == unbroken
    assert passes == []


@pytest.mark.parametrize("step", [1, 2, 3])
def test_a_video_that_begins_with_an_image_goes_on_as_it_began(
    step: int, tmp_path: Path, worker: Worker
) -> None:
    from PIL import Image

    Image.radial_gradient("L").resize((32, 32)).convert("RGB").save(tmp_path / "image.png")
    image = worker.images.keep((tmp_path / "image.png").read_bytes())
    request = a_wish(checkpoint="mini-ti2v", steps=3, image=image)
    unbroken = worker.render(request, unheard, job_id="gen_5")
    worker.resume.discard("gen_5")
    reports: list[RenderProgress] = []

    with pytest.raises(_Killed):
        worker.render(request, _killed_after(step, 0), job_id="gen_5")
    resumed = worker.render(request, reports.append, job_id="gen_5", fence=2)

    assert Resumed(step=step) in reports
    assert resumed == unbroken
    worker.resume.discard("gen_5")


def test_a_damaged_resume_point_is_told_and_the_run_begins_anew(worker: Worker) -> None:
    request = a_wish(seed=13)
    unbroken = worker.render(request, unheard, job_id="gen_6")
    (file,) = (worker._folder / "resume").glob("gen_6.*")
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    reports: list[RenderProgress] = []

    again = worker.render(request, reports.append, job_id="gen_6", fence=2)

    assert again == unbroken
    assert [told for told in reports if isinstance(told, ResumeRejected)]
    assert StepFinished(step=1) in reports


def test_a_suspended_run_loses_no_step(worker: Worker) -> None:
    request = a_wish(seed=14)
    unbroken = worker.render(request, unheard, job_id="gen_7")
    worker.resume.discard("gen_7")
    points = KeepResumePoints(worker.resume, FakeClock())  # none would be due before the last step
    render = worker.renders(points)
    order = RenderOrder(job_id="gen_7", fence=1, request=request)
    heard: list[RenderProgress] = []

    def report(progress: RenderProgress) -> None:
        heard.append(progress)
        if progress == StepFinished(step=3):
            raise RenderSuspended

    with pytest.raises(RenderSuspended):
        render.execute(order, report, lambda: StepFinished(step=2) in heard)
    resumed = render.execute(replace(order, fence=2), heard.append)

    assert Resumed(step=3) in heard
    assert resumed.sha256 == unbroken


class TestWhoseStateItIs:
    """Nothing that could change a bit goes unnoticed."""

    def rejection(self, checkpoint: LocalCheckpoint, saved: bytes) -> str | None:
        resume = FakeResumePoints(saved)
        pipeline = DiffusersVideoPipeline()
        next(
            iter(
                pipeline.generate(
                    Run(request=a_wish(steps=2), checkpoint=checkpoint), unheard, resume
                )
            )
        )
        return resume.rejected

    def saved(self, checkpoint: LocalCheckpoint) -> bytes:
        resume = FakeResumePoints()
        list(
            DiffusersVideoPipeline().generate(
                Run(request=a_wish(steps=2), checkpoint=checkpoint), unheard, resume
            )
        )
        return resume.points[2]

    def test_other_weights_are_noticed_without_a_manifest(self, tmp_path: Path) -> None:
        mini = CATALOG.find("mini")
        folder = Path(shutil.copytree(mini.folder, tmp_path / "mini"))
        (folder / "manifest.json").unlink()
        copy = read_checkpoint(mini.spec, folder)
        saved = self.saved(copy)

        assert self.rejection(copy, saved) is None
        os.utime(folder / "vae" / "diffusion_pytorch_model.safetensors")
        assert self.rejection(copy, saved) == "What was saved differs from this run in weights."

    @pytest.mark.parametrize(
        "what",
        [
            "version of torch",
            "version of diffusers",
            "version of transformers",
            "dtype",
            "device",
            "attention_backend",
            "image",
            "last_image",
            "video",
            "strength",
            "references",
            "face_video",
            "negative_prompt",
            "scheduler",
        ],
    )
    def test_what_differs_is_named(self, what: str) -> None:
        state, identity = _from_bytes(self.saved(CATALOG.find("mini")))
        assert what in identity
        other = to_bytes(state, {**identity, what: "another"})

        reason = self.rejection(CATALOG.find("mini"), other) or ""

        assert f"in {what.replace('_', ' ')}" in reason

    def test_what_an_older_version_did_not_know_is_what_this_one_leaves_out(self) -> None:
        # A field that a version adds made every point of the one before end its run in an error.
        state, identity = _from_bytes(self.saved(CATALOG.find("mini")))
        older = {name: value for name, value in identity.items() if name != "last_image"}

        assert self.rejection(CATALOG.find("mini"), to_bytes(state, older)) is None

    def test_an_older_format_is_not_read(self) -> None:
        saved = self.saved(CATALOG.find("mini"))
        older = saved.replace(FORMAT.encode(), FORMAT.replace("1", "0").encode())

        assert "format" in (self.rejection(CATALOG.find("mini"), older) or "")


class _Killed(BaseException):
    """The process ended here: nothing after it ran."""


def _killed_after(step: int, moments: int) -> Any:
    """A report at which the run dies: some moments after it told that `step` steps are done."""
    left = iter(range(moments))
    reached = False

    def report(progress: RenderProgress) -> None:
        nonlocal reached
        reached = reached or progress == StepFinished(step=step)
        if reached and (progress != StillRunning() or next(left, None) is None or moments == 0):
            raise _Killed

    return report
