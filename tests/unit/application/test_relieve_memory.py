"""An accelerator that is full, attempt by attempt: what is tried next, what is learnt, what is told."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from itertools import cycle, islice

import pytest

from application.complete_draft import CompleteDraft
from application.estimate_generation import EstimateGeneration, Imagined
from application.known_overflows import REMEMBERED_S, KnownOverflows
from application.plan_generation import PlanGeneration
from application.relieve_memory import RelieveMemory
from application.run_generation import RunGeneration
from domain.errors import CheckpointMissing, OutOfAcceleratorMemory, StorageError
from domain.generation import GenerationDraft
from domain.hardware import Capacity
from domain.job import Job
from domain.job_event import EventKind, JobStatus
from domain.local_checkpoint import LocalCheckpoint
from domain.memory_ladder import IN_TILES, ON_CPU
from domain.placement import Place, Placement
from domain.progress import Stage
from domain.rendering import RenderOrder, ResumePointSaved, StageEntered, StepFinished
from domain.run_record import PastRun
from domain.slot import Slot
from domain.structure import Precision
from domain.toll import MAX_RELIEFS
from domain.watchdog import Budgets
from tests.fakes.artifact_store import FakeArtifactStore
from tests.fakes.checkpoint_catalog import FakeCheckpointCatalog
from tests.fakes.clock import FakeClock
from tests.fakes.examples import NOON
from tests.fakes.hardware_probe import GIB
from tests.fakes.image_store import FakeImageStore
from tests.fakes.jobs import InMemoryJobs
from tests.fakes.lora_catalog import FakeLoraCatalog
from tests.fakes.renderer import Deed, FakeRenderer, Stages
from tests.fakes.resume_store import FakeResumeStore

DENOISING = StageEntered(stage=Stage.DENOISING)
DECODING = StageEntered(stage=Stage.DECODING)
FULL = OutOfAcceleratorMemory()


class RealCheckpoints(FakeCheckpointCatalog):
    """Their weights are of the true sizes."""

    def find(self, checkpoint_id: str) -> LocalCheckpoint:
        return replace(super().find(checkpoint_id), components=(), structure=None)


class Server:
    """Plans jobs of A14B, and carries out one attempt after another."""

    def __init__(
        self, jobs: InMemoryJobs, images: FakeImageStore, store: FakeArtifactStore
    ) -> None:
        self.jobs, self.store, self.clock = jobs, store, FakeClock()
        self.catalog = RealCheckpoints()
        self.capacity = Capacity(accelerator_bytes=80 * GIB, host_bytes=64 * GIB)
        self.resume_store = FakeResumeStore()
        self.orders: list[RenderOrder] = []
        known = KnownOverflows(self.clock)
        complete = CompleteDraft(self.catalog, images, draw_seed=lambda: 7)
        self._plan = PlanGeneration(complete, jobs.history, lambda: self.capacity, known)
        self.estimate = EstimateGeneration(
            self.catalog, jobs.history, lambda: self.capacity, overflows=known
        )
        self._relieve = RelieveMemory(
            self.catalog, jobs.history, lambda: self.capacity, known, FakeLoraCatalog()
        )

    async def submit(self, checkpoint: str = "t2v-A14B") -> Job:
        draft = GenerationDraft(prompt="a circle", checkpoint=checkpoint)
        request, plan = await self._plan.execute(draft)
        job = Job.submit(f"gen_{len(self.jobs.kept) + 1}", request, at=NOON, plan=plan)
        return await self.jobs.repository.add(job)

    async def attempt(self, *script: Deed) -> Job:
        """The next in line, once; as it is kept afterwards."""
        claimed = await self.jobs.queue.claim(at=self.clock.now())
        assert claimed is not None
        renderer = FakeRenderer(self.store, script)
        run = self.lane(renderer)
        await run.execute(claimed)
        self.orders += renderer.orders
        return await self.jobs.repository.get(claimed.id)

    def lane(self, renderer: FakeRenderer) -> RunGeneration:
        return RunGeneration(
            Slot(0),
            self.jobs.repository,
            renderer,
            self.store,
            self.resume_store,
            self.clock,
            Budgets(),
            relieve=self._relieve.execute,
        )

    def told(self, kind: EventKind) -> str:
        [*_, last] = [one.event for one in self.jobs.events if one.event.kind is kind]
        return str(last.message)


@pytest.fixture
def server(jobs: InMemoryJobs, images: FakeImageStore, store: FakeArtifactStore) -> Server:
    return Server(jobs, images, store)


def placed(job: Job) -> Placement:
    assert job.plan.placement is not None
    return job.plan.placement


async def test_full_while_decoding_it_goes_on_in_tiles_and_then_on_the_cpu(server: Server) -> None:
    planned = await server.submit()
    steps = planned.request.all_steps
    server.resume_store.keep("gen_1", 1, b"latents")

    once = await server.attempt(DENOISING, ResumePointSaved(step=steps), DECODING, FULL)
    assert "in tiles" in server.told(EventKind.REQUEUED)
    assert server.resume_store.read("gen_1") == b"latents", "only the decoding is repeated"
    twice = await server.attempt(DECODING, FULL)
    assert "on the CPU" in server.told(EventKind.REQUEUED)
    done = await server.attempt(DECODING, Stages())

    assert (once.status, twice.status, done.status) == (
        JobStatus.QUEUED,
        JobStatus.QUEUED,
        JobStatus.COMPLETED,
    )
    assert [order.rung for order in server.orders] == [0, IN_TILES, ON_CPU]
    assert [(it.in_tiles, it.decodes_on_cpu) for it in server.orders] == [
        (False, False),
        (True, False),
        (True, True),
    ]
    assert {order.placement for order in server.orders} == {planned.plan.placement}
    assert once.resume_step == steps


async def test_a_plan_in_tiles_that_is_full_while_decoding_goes_to_the_cpu_at_once(
    server: Server,
) -> None:
    server.capacity = Capacity(accelerator_bytes=16 * GIB, host_bytes=64 * GIB)
    assert placed(await server.submit()).is_tiled

    job = await server.attempt(DECODING, FULL)

    assert (job.status, job.toll.oom_level) == (JobStatus.QUEUED, ON_CPU)


async def test_full_while_denoising_it_is_placed_tighter_step_by_step(server: Server) -> None:
    planned = await server.submit()
    experts = [placed(planned).experts]

    while (job := await server.attempt(DENOISING, StepFinished(step=1), FULL)).failure is None:
        experts.append(placed(job).experts)

    assert list(dict.fromkeys(experts)) == [Place.RESIDENT, Place.VISITING, Place.STREAMED]
    assert len(experts) <= 6
    assert {order.placement.precision for order in server.orders if order.placement} == {
        Precision.BF16
    }
    assert {order.request for order in server.orders} == {planned.request}
    assert {order.rung for order in server.orders} == {0}


async def test_full_while_encoding_again_and_again_it_never_asks_for_more(server: Server) -> None:
    await server.submit()

    encoding, peaks = StageEntered(stage=Stage.ENCODING_PROMPT), list[int]()
    while (job := await server.attempt(encoding, FULL)).failure is None:
        peaks.append(job.plan.accelerator_bytes or 0)

    assert peaks == sorted(peaks, reverse=True)
    assert job.failure.code == "gpu-out-of-memory"


async def test_a_server_that_forgets_what_was_full_ends_the_job_all_the_same(
    server: Server,
) -> None:
    # It was planned back and forth for ever.
    server.capacity = Capacity(accelerator_bytes=24 * GIB, host_bytes=64 * GIB)
    await server.submit("t2v-1.3B")

    for entered in islice(cycle([DENOISING, DECODING]), MAX_RELIEFS + 1):
        server.clock.advance(REMEMBERED_S + 1)
        job = await server.attempt(entered, FULL)

    assert job.failure is not None
    assert (job.failure.code, job.toll.reliefs) == ("gpu-out-of-memory", MAX_RELIEFS)


async def test_a_retry_begins_with_the_plan_that_was_submitted(server: Server) -> None:
    # It began with the tightest one, and told of a memory that was full before.
    planned = await server.submit()
    while (job := await server.attempt(DENOISING, FULL)).failure is None:
        pass

    again = job.again("gen_2", at=NOON)

    assert job.plan != planned.plan
    assert again.plan == planned.plan


async def test_a_server_that_hurries_while_a_relief_is_planned_gives_the_job_back(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    # It stayed `running` until the next start.
    asked = asyncio.Event()

    async def of_kind(kind: str) -> Sequence[PastRun]:
        asked.set()
        await asyncio.Event().wait()
        raise AssertionError(kind)

    await server.submit()
    monkeypatch.setattr(server.jobs.history, "of_kind", of_kind)
    attempt = asyncio.create_task(server.attempt(DENOISING, FULL))
    await asked.wait()

    attempt.cancel()

    with pytest.raises(asyncio.CancelledError):
        await attempt
    job = await server.jobs.repository.get("gen_1")
    assert (job.status, job.toll.crashes, job.toll.interruptions) == (JobStatus.QUEUED, 0, 1)


async def test_another_machines_accelerator_was_never_full(server: Server) -> None:
    await server.submit()
    await server.attempt(DENOISING, FULL)
    here = Imagined(checkpoint="t2v-A14B")
    there = replace(here, accelerator_bytes=80 * GIB)

    on_this = await server.estimate.execute(here)
    on_that = await server.estimate.execute(there)

    assert "full during denoising" in on_this.plan.reasons[0]
    assert not any("full during" in told for told in on_that.plan.reasons)


async def test_where_nothing_is_tighter_it_fails_with_what_would_fit(server: Server) -> None:
    server.capacity = Capacity(accelerator_bytes=24 * GIB, host_bytes=64 * GIB)
    await server.submit()

    job = await server.attempt(DENOISING, FULL)

    assert job.failure is not None
    assert (job.failure.code, job.failure.retryable) == ("gpu-out-of-memory", False)
    assert "during denoising" in job.failure.message
    assert "It would fit as 832x480 with 81 frames" in job.failure.message
    assert [told.pointer for told in job.failure.violations] == ["/width", "/num_frames"]
    assert "832x480" in server.told(EventKind.FAILED)


async def test_after_that_the_next_of_its_kind_climbs_from_the_first_again(server: Server) -> None:
    # What was learnt while another program held the memory would fail it where it now fits.
    planned = await server.submit()
    while (await server.attempt(DENOISING, FULL)).failure is None:
        pass

    again = await server.submit()
    job = await server.attempt(StageEntered(stage=Stage.LOADING), FULL)

    assert again.plan == planned.plan
    assert job.status is JobStatus.QUEUED


@pytest.mark.parametrize("stage", [Stage.LOADING, Stage.ENCODING_PROMPT])
async def test_full_before_the_first_step_the_parts_make_room_for_one_another(
    stage: Stage, server: Server
) -> None:
    server.capacity = Capacity(accelerator_bytes=141 * GIB, host_bytes=64 * GIB)
    planned = await server.submit()

    job = await server.attempt(StageEntered(stage=stage), FULL)

    assert placed(planned).experts is Place.RESIDENT
    assert placed(job).experts is Place.VISITING
    assert "need less" in server.told(EventKind.REQUEUED)


async def test_the_next_of_its_kind_is_planned_as_if_it_knew(server: Server) -> None:
    first = await server.submit()
    tighter = await server.attempt(DENOISING, FULL)

    second, another = await server.submit(), await server.submit("ti2v-5B")

    assert placed(second) == placed(tighter) != placed(first)
    assert "full during denoising" in second.plan.reasons[0]
    assert "full during" not in another.plan.reasons[0]


async def test_after_a_day_it_is_tried_again_as_at_first(server: Server) -> None:
    # Another program may have held the memory.
    first = await server.submit()
    await server.attempt(DENOISING, FULL)

    server.clock.advance(REMEMBERED_S + 1)

    assert (await server.submit()).plan == first.plan


async def test_of_tiles_that_were_too_large_nothing_is_learnt_that_refuses_the_next(
    server: Server,
) -> None:
    await server.submit()
    await server.attempt(DECODING, FULL)
    before = await server.submit()
    await server.attempt(DECODING, FULL)

    assert (await server.submit()).plan == before.plan


async def test_weights_that_are_gone_meanwhile_make_the_job_wait_for_them(server: Server) -> None:
    await server.submit()
    server.catalog.remove("t2v-A14B")

    job = await server.attempt(DENOISING, FULL)

    assert (job.status, job.toll.absences) == (JobStatus.QUEUED, 1)
    assert server.told(EventKind.REQUEUED) == CheckpointMissing().message


async def test_an_attempt_that_was_overtaken_relieves_nobody(server: Server) -> None:
    planned = await server.submit()
    claimed = await server.jobs.queue.claim(at=NOON)
    assert claimed is not None
    await server.jobs.repository.update(
        claimed.id, lambda job: job.end_attempt(StorageError("late"), fence=1, at=NOON)
    )
    run = server.lane(FakeRenderer(server.store))

    await run.end(claimed, FULL)

    kept = await server.jobs.repository.get(claimed.id)
    assert (kept.status, kept.plan, run.fenced_out) == (JobStatus.QUEUED, planned.plan, 1)
