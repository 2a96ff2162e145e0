"""A real pipeline on an accelerator that is full: each attempt gets by with less, and no step is made twice.

The CPU stands for the accelerator: what is there has been copied, and lies elsewhere than what it came from.
"""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

import adapters.embedded
from adapters.diffusers.loading import LoadedCheckpoint, load
from adapters.diffusers.parts import Parts
from adapters.diffusers.video_pipeline import DiffusersVideoPipeline
from adapters.filesystem.artifact_store import FilesystemArtifactStore
from adapters.filesystem.checkpoint_catalog import FilesystemCheckpointCatalog
from adapters.filesystem.resume_store import FilesystemResumeStore
from adapters.inprocess.renderer import InProcessRenderer
from adapters.pyav.video_encoder import PyAvVideoEncoder
from adapters.system.clock import SystemClock
from application.known_overflows import KnownOverflows
from application.relieve_memory import RelieveMemory
from application.render_video import RenderVideo
from application.resume_points import KeepResumePoints
from application.run_generation import RunGeneration
from domain.demand import GIB
from domain.hardware import Capacity
from domain.job import Job
from domain.job_event import EventKind, JobStatus
from domain.memory_plan import plan_memory
from domain.placement import ALL_RESIDENT, Place, Placement
from domain.run import Run
from domain.slot import Slot
from domain.watchdog import Budgets
from tests.fakes.examples import NOON, a_request
from tests.fakes.image_store import FakeImageStore
from tests.fakes.jobs import InMemoryJobs
from tests.fakes.lora_catalog import FakeLoraCatalog
from tests.fakes.resume_points import FakeResumePoints
from tests.integration.runs import unheard

pytestmark = pytest.mark.slow

HOST = torch.device("cpu")
#: Nothing lies in the first folder, in which uses are noted.
CATALOG = FilesystemCheckpointCatalog([Path("/nowhere"), Path(adapters.embedded.__path__[0])])
MINI = CATALOG.find("mini")
#: Wider than a tile.
REQUEST = a_request(width=288, height=64, num_frames=5, steps=3)
CAPACITY = Capacity(accelerator_bytes=2 * GIB, host_bytes=64 * GIB)
VISITING = Placement(
    experts=Place.VISITING,
    text_encoder=Place.VISITING,
    vae=Place.VISITING,
    precision=ALL_RESIDENT.precision,
)

#: Whether there is no room for that part with that input.
NoRoom = Callable[[LoadedCheckpoint, torch.Tensor], bool]


class FullCard:
    """Loads as usual; while the VAE decodes, or an expert works, memory runs out wherever it is said to."""

    def __init__(self, *, decoding: NoRoom | None = None, denoising: NoRoom | None = None) -> None:
        self._decoding, self._denoising = decoding, denoising
        self.passes = 0

    def load(self, *arguments: Any) -> LoadedCheckpoint:
        loaded = load(*arguments)
        self.homes = {parameter.data_ptr() for parameter in loaded.pipe.vae.parameters()}

        def look(no_room: NoRoom | None) -> Callable[..., None]:
            def raise_where_full(_part: torch.nn.Module, given: tuple[Any, ...]) -> None:
                if no_room is not None and no_room(loaded, given[0]):
                    raise torch.OutOfMemoryError("CUDA out of memory.")

            return raise_where_full

        def count(*_: object) -> None:
            self.passes += 1

        loaded.pipe.vae.decoder.register_forward_pre_hook(look(self._decoding))
        for expert in loaded.pipe.parts.experts():
            expert.patch_embedding.register_forward_pre_hook(look(self._denoising))
            expert.patch_embedding.register_forward_hook(count)
        return loaded

    def holds_vae(self, loaded: LoadedCheckpoint) -> bool:
        lies = {parameter.data_ptr() for parameter in loaded.pipe.vae.parameters()}
        return not lies & self.homes


class Server:
    """One job, planned for a small card, and its attempts through the real path."""

    def __init__(self, folder: Path, card: FullCard) -> None:
        self._jobs, clock = InMemoryJobs(), SystemClock()
        self._store = FilesystemArtifactStore(
            staging=folder / "staging", outputs=folder / "outputs"
        )
        resume_store = FilesystemResumeStore(folder / "resume")
        pipeline = DiffusersVideoPipeline(HOST, load=card.load)
        render = RenderVideo(
            CATALOG,
            pipeline,
            PyAvVideoEncoder(),
            self._store,
            FakeImageStore(folder / "images"),
            KeepResumePoints(resume_store, clock, interval=1),
            version="1.2.3",
        )
        relieve = RelieveMemory(
            CATALOG, self._jobs.history, lambda: CAPACITY, KnownOverflows(clock), FakeLoraCatalog()
        )
        self._lane = RunGeneration(
            Slot(0),
            self._jobs.repository,
            InProcessRenderer(render.execute, pipeline.close),
            self._store,
            resume_store,
            clock,
            Budgets(),
            relieve=relieve.execute,
        )

    async def run(self, placement: Placement | None = None) -> Job:
        """All attempts at it. `placement`: in place of the one that would be chosen."""
        plan = plan_memory(REQUEST, MINI.spec, MINI, CAPACITY)
        plan = replace(plan, placement=placement or plan.placement)
        await self._jobs.repository.add(Job.submit("gen_1", REQUEST, at=NOON, plan=plan))
        while claimed := await self._jobs.queue.claim(at=NOON):
            await self._lane.execute(claimed)
        return await self._jobs.repository.get("gen_1")

    def count(self, kind: EventKind) -> int:
        return sum(one.event.kind is kind for one in self._jobs.events)


async def test_where_a_tile_finds_room_and_a_picture_does_not_it_decodes_in_tiles(
    tmp_path: Path,
) -> None:
    card = FullCard(decoding=lambda _, latents: latents.shape[-1] > 32)
    server = Server(tmp_path, card)

    job = await server.run()

    assert (job.status, job.fence, job.toll.oom_level) == (JobStatus.COMPLETED, 2, 1)
    assert server.count(EventKind.STEP) == REQUEST.steps, "only the decoding was repeated"


async def test_where_not_even_a_tile_does_it_decodes_on_the_cpu(tmp_path: Path) -> None:
    card = FullCard(decoding=lambda loaded, _: card.holds_vae(loaded))
    server = Server(tmp_path, card)

    job = await server.run(VISITING)

    assert (job.status, job.fence, job.toll.oom_level) == (JobStatus.COMPLETED, 3, 2)
    assert server.count(EventKind.STEP) == REQUEST.steps


async def test_where_whole_experts_find_none_they_are_streamed_from_the_step_it_had_reached(
    tmp_path: Path,
) -> None:
    def is_full(loaded: LoadedCheckpoint, _: torch.Tensor) -> bool:
        return card.passes > 2 and loaded.pipe.parts.placement.experts is not Place.STREAMED

    card = FullCard(denoising=is_full)
    server = Server(tmp_path, card)

    job = await server.run()

    assert job.status is JobStatus.COMPLETED
    assert job.plan.placement is not None
    assert job.plan.placement.experts is Place.STREAMED
    assert server.count(EventKind.RESUMED) >= 1
    assert server.count(EventKind.RESUME_REJECTED) == 0
    assert server.count(EventKind.STEP) == REQUEST.steps, "no step was made twice"


def frames(
    placement: Placement,
    resume: FakeResumePoints,
    load: Callable[..., LoadedCheckpoint] = load,
    **decoded: bool,
) -> bytes:
    pipeline = DiffusersVideoPipeline(HOST, load=load)
    run = Run(request=REQUEST, checkpoint=MINI, placement=placement, **decoded)
    return b"".join(chunk.rgb.tobytes() for chunk in pipeline.generate(run, unheard, resume))


def test_what_another_placement_had_begun_ends_in_the_same_bits() -> None:
    unbroken = FakeResumePoints(due=[1])
    whole = frames(ALL_RESIDENT, unbroken)
    streamed = replace(VISITING, experts=Place.STREAMED)

    again = FakeResumePoints(unbroken.points[1])

    assert frames(streamed, again) == whole
    assert (again.accepted, again.rejected) == (1, None)


@pytest.mark.parametrize("placement", [VISITING, ALL_RESIDENT])
def test_decoding_on_the_cpu_gives_the_pictures_of_tiles(placement: Placement) -> None:
    # Here the accelerator is a CPU, too: what differs is where the weights lie.
    tiled = frames(placement, FakeResumePoints(), in_tiles=True)

    assert frames(placement, FakeResumePoints(), in_tiles=True, decodes_on_cpu=True) == tiled


def test_after_decoding_on_the_cpu_the_next_run_finds_the_vae_where_it_was() -> None:
    card = FullCard()
    pipeline = DiffusersVideoPipeline(HOST, load=card.load)
    seen: list[bool] = []

    for decodes_on_cpu in (False, True, False):
        run = Run(
            request=REQUEST,
            checkpoint=MINI,
            placement=ALL_RESIDENT,
            decodes_on_cpu=decodes_on_cpu,
        )
        for _ in pipeline.generate(run, unheard, FakeResumePoints()):
            pass
        assert pipeline._loaded is not None
        seen.append(pipeline._loaded.pipe.parts._guest_of(pipeline._loaded.pipe.vae)._is_there)

    assert seen == [True, True, True]


def test_a_text_encoder_on_the_cpu_is_another_one_to_a_resume_point() -> None:
    # On a GPU its embeddings have other bits: a run that went on would be neither one nor the other.
    pipe = load(MINI, VISITING, HOST).pipe
    accelerator = torch.device("meta")

    there = Parts(pipe, VISITING, accelerator)
    here = Parts(pipe, replace(VISITING, text_encoder=Place.HOST), accelerator)

    assert there.identity(encodes_image=False) != here.identity(encodes_image=False)
