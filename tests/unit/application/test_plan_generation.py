"""What is planned is what was measured, and what cannot fit is not accepted."""

from dataclasses import replace

import pytest

from application.complete_draft import CompleteDraft
from application.estimate_generation import Estimate, EstimateGeneration, Imagined
from application.known_capacity import KnownCapacity
from application.known_overflows import KnownOverflows
from application.plan_generation import PlanGeneration
from application.recent_runs import FRESH_S, RecentRuns
from domain.errors import CheckpointMissing, DoesNotFit, InvalidRequest
from domain.hardware import Capacity, Hardware
from domain.job import Job
from domain.lora import Expert, Lora, LoraDraft
from domain.placement import Place
from domain.progress import Stage
from domain.rendering import RunMeasured, StageEntered
from domain.run_record import Measured, run_kind
from tests.fakes.checkpoint_catalog import FakeCheckpointCatalog
from tests.fakes.clock import FakeClock
from tests.fakes.examples import NOON, a_draft
from tests.fakes.hardware_probe import GIB, FakeHardwareProbe
from tests.fakes.image_store import FakeImageStore
from tests.fakes.jobs import InMemoryJobs
from tests.fakes.lora_catalog import FakeLoraCatalog, a_lora
from tests.fakes.renderer import Stages
from tests.unit.application.attempt import Lane


@pytest.fixture
def plan(
    jobs: InMemoryJobs, images: FakeImageStore, hardware: FakeHardwareProbe, clock: FakeClock
) -> PlanGeneration:
    complete = CompleteDraft(FakeCheckpointCatalog("mini"), images, draw_seed=lambda: 7)
    return PlanGeneration(complete, jobs.history, hardware.capacity, KnownOverflows(clock))


async def run(
    jobs: InMemoryJobs, lane: Lane, plan: PlanGeneration, *, loading: float, step: float
) -> Job:
    """One whole video on a machine that takes so many seconds, from its plan to its file."""
    request, planned = await plan.execute(a_draft())
    seconds = {
        Stage.LOADING: loading,
        Stage.DENOISING: step * request.steps,
        Stage.DECODING: 3.0,
    }
    measured = Measured(seconds=seconds, accelerator_bytes=2 * GIB, host_bytes=None)
    script = [StageEntered(stage=Stage.DENOISING), RunMeasured(measured=measured), Stages()]
    job = Job.submit(f"gen_{len(jobs.kept)}", request, at=NOON, plan=planned)
    await jobs.repository.add(job)
    claimed = await jobs.queue.claim(at=NOON)
    assert claimed is not None
    await lane(script).execute(claimed)
    return await jobs.repository.get(job.id)


async def test_after_three_runs_the_time_is_foretold_within_15_per_cent(
    jobs: InMemoryJobs, lane: Lane, plan: PlanGeneration
) -> None:
    before = (await plan.execute(a_draft()))[1]
    for loading, step in ((4.0, 1.0), (0.0, 1.08), (0.0, 0.95)):  # only the first one loads
        await run(jobs, lane, plan, loading=loading, step=step)

    foretold = (await plan.execute(a_draft()))[1]
    fourth = await run(jobs, lane, plan, loading=0.0, step=1.05)

    assert before.seconds is None
    assert foretold.seconds is not None
    assert fourth.measured is not None
    took = sum(fourth.measured.seconds.values())
    assert sum(foretold.seconds.values()) == pytest.approx(took, rel=0.15)
    assert foretold.accelerator_bytes == 2 * GIB


async def test_more_steps_are_foretold_to_take_longer(
    jobs: InMemoryJobs, lane: Lane, plan: PlanGeneration
) -> None:
    await run(jobs, lane, plan, loading=0.0, step=1.0)

    foretold = (await plan.execute(a_draft(steps=24)))[1]

    assert foretold.seconds == {Stage.LOADING: 0.0, Stage.DENOISING: 24.0, Stage.DECODING: 3.0}


async def test_a_run_of_another_size_foretells_nothing(
    jobs: InMemoryJobs, lane: Lane, plan: PlanGeneration
) -> None:
    await run(jobs, lane, plan, loading=0.0, step=1.0)

    assert (await plan.execute(a_draft(num_frames=9)))[1].seconds is None


async def test_the_loras_that_are_asked_for_are_planned_in(
    images: FakeImageStore, jobs: InMemoryJobs, hardware: FakeHardwareProbe
) -> None:
    lora = a_lora("turn", widths=(1536,), numbers=dict.fromkeys(Expert, 1000))
    complete = CompleteDraft(FakeCheckpointCatalog("t2v-1.3B"), images, loras=FakeLoraCatalog(lora))
    planning = PlanGeneration(
        complete, jobs.history, hardware.capacity, KnownOverflows(FakeClock())
    )
    draft = a_draft(checkpoint="t2v-1.3B", width=832, height=480)

    bare = (await planning.execute(draft))[1]
    worn = (await planning.execute(replace(draft, loras=(LoraDraft(name="turn"),))))[1]

    assert (worn.accelerator_bytes or 0) - (bare.accelerator_bytes or 0) == 2000


async def test_what_cannot_fit_is_refused(
    plan: PlanGeneration, hardware: FakeHardwareProbe
) -> None:
    hardware.hardware = replace(
        hardware.hardware, accelerators=(), host=replace(hardware.hardware.host, available_bytes=1)
    )

    with pytest.raises(DoesNotFit, match="no accelerator"):
        await plan.execute(a_draft())


class TestRecentRuns:
    async def test_a_flood_of_plans_reads_a_kind_once(
        self, jobs: InMemoryJobs, lane: Lane, plan: PlanGeneration, clock: FakeClock
    ) -> None:
        recent = RecentRuns(jobs.history, clock)
        kind = run_kind((await plan.execute(a_draft()))[0])
        before = await recent.of_kind(kind)
        await run(jobs, lane, plan, loading=0.0, step=1.0)

        soon = await recent.of_kind(kind)
        clock.advance(FRESH_S)

        assert (before, soon) == ([], [])
        assert len(await recent.of_kind(kind)) == 1

    async def test_kinds_are_not_mixed_up(
        self, jobs: InMemoryJobs, lane: Lane, plan: PlanGeneration, clock: FakeClock
    ) -> None:
        recent = RecentRuns(jobs.history, clock)
        await run(jobs, lane, plan, loading=0.0, step=1.0)

        assert await recent.of_kind("another") == []
        assert len(await recent.of_kind(run_kind(jobs.kept[0].request))) == 1


class TestImagining:
    @pytest.fixture
    def estimate(self, hardware: FakeHardwareProbe) -> EstimateGeneration:
        catalog = FakeCheckpointCatalog("mini")
        return EstimateGeneration(catalog, None, hardware.capacity)

    async def test_a_known_checkpoint_need_not_be_here(self, estimate: EstimateGeneration) -> None:
        told = await estimate.execute(Imagined(checkpoint="t2v-1.3B"))

        assert told.plan.placement is not None
        assert told.capacity == Capacity(accelerator_bytes=22 * GIB, host_bytes=48 * GIB)

    async def test_one_that_only_its_files_can_tell_must_be_here(
        self, estimate: EstimateGeneration
    ) -> None:
        with pytest.raises(CheckpointMissing):
            await estimate.execute(Imagined(checkpoint="mini-ti2v"))

    async def test_what_a_checkpoint_cannot_do_without_is_imagined_too(
        self, hardware: FakeHardwareProbe
    ) -> None:
        catalog = FakeCheckpointCatalog("i2v-A14B", "animate-14B")
        estimate = EstimateGeneration(catalog, None, hardware.capacity)

        begun = await estimate.execute(Imagined(checkpoint="i2v-A14B"))
        led = await estimate.execute(Imagined(checkpoint="animate-14B", num_frames=5))

        assert begun.request.image is not None
        assert led.request.face_video is not None
        assert led.plan.latent_shape[1] == 2 + 1  # the character has a latent frame of its own

    async def test_a_preset_is_planned_with_the_lora_it_needs_or_with_one_such_as_is_published(
        self, hardware: FakeHardwareProbe, jobs: InMemoryJobs
    ) -> None:
        catalog, capacity = FakeCheckpointCatalog("mini"), hardware.capacity()
        numbers = dict.fromkeys(Expert, 50)
        small = a_lora("t2v_4steps", widths=(5120,), numbers=numbers)
        asked = Imagined(checkpoint="t2v-A14B", accelerator_bytes=141 * GIB)

        async def estimated(preset: str, *here: Lora) -> Estimate:
            loras = FakeLoraCatalog(*here)
            estimate = EstimateGeneration(catalog, jobs.history, lambda: capacity, loras)
            return await estimate.execute(replace(asked, preset=preset))

        bare = await estimated("exact", small)
        imagined, found = await estimated("distilled-4"), await estimated("distilled-8", small)

        both = 2 * 2 * 64 * 40 * (18 * 5120 + 2 * 13824)  # GB: 1.2
        planned = bare.plan.accelerator_bytes or 0
        assert (imagined.plan.accelerator_bytes or 0) - planned == both
        assert (found.plan.accelerator_bytes or 0) - planned == 2 * 2 * 50
        assert [lora.name for lora in found.request.loras] == ["t2v_4steps"]
        assert any("on in the last 7 of 8 steps" in reason for reason in found.plan.reasons)

    async def test_loras_that_are_named_are_counted_and_must_be_here(
        self, hardware: FakeHardwareProbe
    ) -> None:
        here = FakeLoraCatalog(a_lora("turn", widths=(5120,), numbers=dict.fromkeys(Expert, 50)))
        estimate = EstimateGeneration(FakeCheckpointCatalog("mini"), None, hardware.capacity, here)
        asked = Imagined(checkpoint="t2v-A14B", accelerator_bytes=141 * GIB)
        used = LoraDraft(name="turn", strength_high_noise=0.5)

        bare = await estimate.execute(asked)
        worn = await estimate.execute(replace(asked, loras=(used,)))
        with pytest.raises(InvalidRequest) as refused:
            await estimate.execute(replace(asked, loras=(LoraDraft(name="turm"),)))

        more = (worn.plan.accelerator_bytes or 0) - (bare.plan.accelerator_bytes or 0)
        assert more == 2 * 2 * 50
        assert [lora.strength_high_noise for lora in worn.request.loras] == [0.5]
        [violation] = refused.value.violations
        assert (violation.pointer, violation.nearest) == ("/loras/0/name", ("turn",))

    async def test_an_unknown_one_is_refused(self, estimate: EstimateGeneration) -> None:
        with pytest.raises(InvalidRequest, match="checkpoint: no checkpoint is called"):
            await estimate.execute(Imagined(checkpoint="sora"))

    async def test_memory_may_be_imagined(self, estimate: EstimateGeneration) -> None:
        told = await estimate.execute(
            Imagined(checkpoint="t2v-1.3B", accelerator_bytes=0, host_bytes=90 * GIB)
        )

        assert told.capacity == Capacity(accelerator_bytes=None, host_bytes=90 * GIB)
        assert told.plan.placement is not None
        assert told.plan.placement.experts is Place.HOST


class TestCapacity:
    def test_what_a_worker_holds_now_is_there_for_the_next_video(
        self, hardware: FakeHardwareProbe
    ) -> None:
        capacity = KnownCapacity(hardware.read, ["0"])

        hardware.hardware = _with_used(hardware, 20 * GIB)

        assert capacity().accelerator_bytes == 22 * GIB

    def test_what_the_accelerator_can_do_is_known_once_it_was_told(
        self, hardware: FakeHardwareProbe
    ) -> None:
        capacity = KnownCapacity(hardware.read, ["0"])
        [card] = hardware.hardware.accelerators
        hopper = replace(card, compute_capability=(9, 0))

        hardware.hardware = replace(hardware.hardware, accelerators=(hopper,))
        told = capacity().compute_capability
        hardware.hardware = replace(hardware.hardware, accelerators=())

        assert told == capacity().compute_capability == (9, 0)

    def test_what_another_program_gives_back_is_found_and_kept_in_mind(
        self, hardware: FakeHardwareProbe
    ) -> None:
        capacity = KnownCapacity(hardware.read, ["0"])
        hardware.hardware = _with_used(hardware, 0)
        capacity()

        hardware.hardware = _with_used(hardware, 20 * GIB)

        assert capacity().accelerator_bytes == 24 * GIB

    def test_host_memory_that_a_worker_holds_now_is_there_for_the_next_video(
        self, hardware: FakeHardwareProbe
    ) -> None:
        capacity = KnownCapacity(hardware.read, ["0"])

        full = replace(hardware.hardware.host, available_bytes=2 * GIB)
        hardware.hardware = replace(hardware.hardware, host=full)

        assert capacity().host_bytes == 48 * GIB

    def test_what_each_of_several_accelerators_ever_had_free_counts(
        self, hardware: FakeHardwareProbe
    ) -> None:
        # Of both together, the most was never more than what the fuller one had free.
        [one] = hardware.hardware.accelerators
        full = replace(one, used_bytes=23 * GIB)
        hardware.hardware = replace(hardware.hardware, accelerators=(one, replace(full, index=1)))
        capacity = KnownCapacity(hardware.read, ["0", "1"])

        hardware.hardware = replace(hardware.hardware, accelerators=(full, replace(one, index=1)))

        assert capacity().accelerator_bytes == 22 * GIB

    def test_what_spare_workers_may_take_is_kept_back_before_the_rest_is_shared(
        self, hardware: FakeHardwareProbe
    ) -> None:
        capacity = KnownCapacity(hardware.read, [None, None], spare_bytes=8 * GIB)

        assert capacity() == Capacity(accelerator_bytes=None, host_bytes=20 * GIB)


def _with_used(probe: FakeHardwareProbe, used: int) -> Hardware:
    [one] = probe.hardware.accelerators
    return replace(probe.hardware, accelerators=(replace(one, used_bytes=used),))
