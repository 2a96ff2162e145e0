"""The whole HTTP application over fakes, and a client that talks to it within the test's own loop.

Putting the application together takes longer than most tests: it is done once, and each test puts its own
fakes behind it.
"""

import asyncio
import shutil
from collections.abc import AsyncIterator, Iterator, Mapping
from pathlib import Path

import httpx
import pytest
from litestar import Litestar

from adapters.http.doorkeeper import Doorkeeper
from adapters.prometheus.exposition import CONTENT_TYPE, Exposition
from application.complete_draft import CompleteDraft
from application.disk_gate import DiskGate
from application.dispatch_jobs import DispatchJobs
from application.estimate_generation import EstimateGeneration
from application.fetch_files import FetchFiles
from application.known_overflows import KnownOverflows
from application.list_checkpoints import ListCheckpoints
from application.measure_jobs import MeasureJobs
from application.plan_generation import PlanGeneration
from application.pull_checkpoint import PullCheckpoint
from application.recognise_caller import RecogniseCaller
from application.remove_checkpoint import RemoveCheckpoint
from application.repair_checkpoint import RepairCheckpoint
from application.run_generation import RunGeneration
from application.steer_queue import SteerQueue
from application.submit_generation import Limits
from application.take_excerpts import TakeExcerpts
from application.tell_service_state import TellServiceState
from application.tidy_library import TidyLibrary
from application.verify_checkpoint import VerifyCheckpoint
from application.watch_machine import WatchMachine
from application.work_on_checkpoints import WorkOnCheckpoints
from domain.repository import REPOSITORIES
from domain.slot import Slot
from domain.watchdog import Budgets
from domain.webhook import WebhookRules
from tests.fakes.artifact_store import FakeArtifactStore
from tests.fakes.checkpoint_catalog import FakeCheckpointCatalog
from tests.fakes.checkpoint_store import FakeCheckpointStore
from tests.fakes.clock import FakeClock
from tests.fakes.excerpt_maker import FakeExcerptMaker
from tests.fakes.excerpt_store import FakeExcerptStore
from tests.fakes.hardware_probe import GIB, FakeHardwareProbe
from tests.fakes.image_store import FakeImageStore
from tests.fakes.jobs import InMemoryJobs
from tests.fakes.key_store import FakeKeyStore
from tests.fakes.lora_catalog import FakeLoraCatalog
from tests.fakes.model_hub import FakeModelHub
from tests.fakes.renderer import FakeRenderer
from tests.fakes.resume_store import FakeResumeStore
from tests.integration.http.callers_own import CallersOwn
from tests.integration.http.front import Front
from tests.integration.http.raw import OWN_ORIGIN


@pytest.fixture
def jobs() -> InMemoryJobs:
    return InMemoryJobs()


@pytest.fixture
def store(tmp_path: Path) -> FakeArtifactStore:
    return FakeArtifactStore(tmp_path / "videos")


@pytest.fixture(scope="session")
def page_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("page") / "dist"


@pytest.fixture
def page(page_folder: Path) -> Path:
    """Where the built page lies; nothing is there unless a test puts it."""
    shutil.rmtree(page_folder, ignore_errors=True)
    return page_folder


@pytest.fixture
def checks() -> dict[str, str | None]:
    """What `/readyz` finds; a test breaks one by naming its problem."""
    return {"database": None, "disk": None}


@pytest.fixture
def hardware() -> FakeHardwareProbe:
    return FakeHardwareProbe()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def machine(hardware: FakeHardwareProbe, clock: FakeClock) -> WatchMachine:
    """Has looked once."""
    return WatchMachine(hardware, clock, 5.0)


@pytest.fixture
def excerpt_maker() -> FakeExcerptMaker:
    return FakeExcerptMaker()


@pytest.fixture
def loras() -> FakeLoraCatalog:
    return FakeLoraCatalog()


@pytest.fixture
def checkpoint_store() -> FakeCheckpointStore:
    return FakeCheckpointStore()


@pytest.fixture
def hub() -> FakeModelHub:
    """It has TI2V-5B, in few bytes."""
    files = {"model_index.json": b"{}", "transformer/model.safetensors": b"weights" * 9}
    return FakeModelHub({REPOSITORIES["ti2v-5B"]: files})


@pytest.fixture
def work(checkpoint_store: FakeCheckpointStore, hub: FakeModelHub) -> Iterator[WorkOnCheckpoints]:
    fetch = FetchFiles(hub, reserve_bytes=0, wait=lambda _seconds: None)
    working = WorkOnCheckpoints(
        PullCheckpoint(checkpoint_store, hub, fetch),
        VerifyCheckpoint(checkpoint_store, FakeCheckpointCatalog()),
        RepairCheckpoint(checkpoint_store, fetch),
        FakeClock(),
    )
    yield working
    working.close()


@pytest.fixture
def lane(jobs: InMemoryJobs, store: FakeArtifactStore) -> RunGeneration:
    """The one there is; it runs nothing by itself."""
    renderer, resume_store, clock = FakeRenderer(store), FakeResumeStore(), FakeClock()
    return RunGeneration(Slot(0), jobs.repository, renderer, store, resume_store, clock, Budgets())


@pytest.fixture
def keys() -> FakeKeyStore:
    """None at first: everybody is the local user until a test makes a key."""
    return FakeKeyStore()


@pytest.fixture
def limits() -> Limits:
    """Few enough in line to be reached; a cost above what most tests ask for."""
    rules = WebhookRules(allow=("hooks.example",))
    return Limits(waiting=12, job_cost=1280 * 720 * 81 * 100, webhooks=rules)


@pytest.fixture(scope="session")
def front(page_folder: Path) -> Front:
    return Front(page_folder)


@pytest.fixture
def app(
    lane: RunGeneration,
    jobs: InMemoryJobs,
    store: FakeArtifactStore,
    checkpoint_store: FakeCheckpointStore,
    work: WorkOnCheckpoints,
    hardware: FakeHardwareProbe,
    checks: dict[str, str | None],
    loras: FakeLoraCatalog,
    clock: FakeClock,
    machine: WatchMachine,
    keys: FakeKeyStore,
    limits: Limits,
    excerpt_maker: FakeExcerptMaker,
    tmp_path: Path,
    page: Path,
    front: Front,
) -> Litestar:
    async def readiness() -> Mapping[str, str | None]:
        return checks

    catalog = FakeCheckpointCatalog("mini", "mini-ti2v", "i2v-A14B", "vace-14B")
    images = FakeImageStore(tmp_path / "images")
    complete = CompleteDraft(catalog, images, draw_seed=lambda: 7, loras=loras)
    plan = PlanGeneration(complete, jobs.history, hardware.capacity, KnownOverflows(clock))
    gate = DiskGate(hardware, soft_bytes=2 * GIB, hard_bytes=GIB)
    dispatch = DispatchJobs(jobs.queue, [lane], gate, clock)
    excerpt_store = FakeExcerptStore()
    own = CallersOwn(
        jobs=jobs,
        store=store,
        images=images,
        plan=plan,
        gate=gate,
        dispatch=dispatch,
        lane=lane,
        tidy=TidyLibrary(jobs.library, store, excerpt_store, clock, trash_days=7, keep_days=None),
        clock=clock,
        limits=limits,
    )

    def gpu_readiness() -> Mapping[str, str | None]:
        return {f"slot {lane.slot.number}": lane.slot.problem}

    exposition = Exposition("1.2.3")
    measure = MeasureJobs(jobs.event_log, jobs.repository, exposition.jobs, clock)
    state = TellServiceState(
        jobs.queue, jobs.gauge, jobs.outbox, dispatch, gate, machine, measure, clock
    )

    async def metrics() -> tuple[bytes, str]:
        await measure.catch_up()
        return exposition.text(await state.execute()), CONTENT_TYPE

    front.uses = {
        "steer": SteerQueue(jobs.queue, dispatch, clock),
        "excerpts": TakeExcerpts(store, excerpt_maker, excerpt_store),
        "estimate": EstimateGeneration(catalog, jobs.history, hardware.capacity, loras),
        "checkpoints": ListCheckpoints(catalog, checkpoint_store),
        "work": work,
        "removing": RemoveCheckpoint(checkpoint_store),
        "loras": loras,
        "machine": machine,
        "history": jobs.history,
        "readiness": readiness,
        "gpu_readiness": gpu_readiness,
        "metrics": metrics,
        "stopping": asyncio.Event(),
    }
    front.own = own
    front.doorkeeper = Doorkeeper(RecogniseCaller(keys), clock, max_streams=8)
    front.exposition = exposition
    return front.app


@pytest.fixture
async def client(app: Litestar) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url=OWN_ORIGIN) as client:
        yield client
