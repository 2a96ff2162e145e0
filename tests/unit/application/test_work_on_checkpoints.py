"""Work in a thread of its own, over fakes."""

import threading
from collections.abc import Generator, Iterator, Mapping

import pytest

from application.fetch_files import FetchFiles
from application.pull_checkpoint import PullCheckpoint
from application.repair_checkpoint import RepairCheckpoint
from application.verify_checkpoint import VerifyCheckpoint
from application.work_on_checkpoints import (
    CheckpointWork,
    WorkKind,
    WorkOnCheckpoints,
    WorkStatus,
)
from domain.errors import CheckpointMissing, UnknownCheckpoint
from domain.repository import REPOSITORIES, Listing
from domain.store_errors import CheckpointBusy, NotPullable, NoWork
from tests.fakes.checkpoint_catalog import FakeCheckpointCatalog
from tests.fakes.checkpoint_store import FakeCheckpointStore
from tests.fakes.clock import FakeClock
from tests.fakes.model_hub import FakeModelHub

FILES = {"model_index.json": b"{}", "transformer/model.safetensors": b"weights" * 9}
TI2V, A14B = "ti2v-5B", "t2v-A14B"
DEADLINE_S = 5.0


class HeldHub(FakeModelHub):
    """Gives nothing before `go` is set; `asked` is set once it is asked for a file."""

    def __init__(self, repositories: Mapping[str, Mapping[str, bytes]]) -> None:
        super().__init__(repositories)
        self.asked, self.go = threading.Event(), threading.Event()

    def read(self, listing: Listing, name: str, start: int) -> Generator[bytes, None, None]:
        self.asked.set()
        assert self.go.wait(DEADLINE_S)
        yield from super().read(listing, name, start)


class Bench:
    def __init__(self) -> None:
        self.hub = HeldHub({REPOSITORIES[TI2V]: FILES, REPOSITORIES[A14B]: FILES})
        self.store = FakeCheckpointStore()
        self.clock = FakeClock()
        self.work = self.begin()

    def begin(self) -> WorkOnCheckpoints:
        """As a new process would."""
        fetch = FetchFiles(self.hub, reserve_bytes=0, wait=lambda _seconds: None)
        return WorkOnCheckpoints(
            PullCheckpoint(self.store, self.hub, fetch),
            VerifyCheckpoint(self.store, FakeCheckpointCatalog()),
            RepairCheckpoint(self.store, fetch),
            self.clock,
        )

    def ended(self, checkpoint_id: str = TI2V) -> CheckpointWork:
        for thread in threading.enumerate():
            if thread.name.endswith(checkpoint_id):
                thread.join(DEADLINE_S)
        found = self.work.latest(checkpoint_id)
        assert found is not None
        return found


@pytest.fixture
def bench() -> Iterator[Bench]:
    bench = Bench()
    yield bench
    bench.hub.go.set()
    bench.work.close()


def test_a_pull_runs_beside_and_ends(bench: Bench) -> None:
    begun = bench.work.start(WorkKind.PULL, TI2V)
    assert bench.hub.asked.wait(DEADLINE_S)
    running = bench.work.latest(TI2V)
    bench.clock.advance(60)
    bench.hub.go.set()

    ended = bench.ended()

    assert begun.status is WorkStatus.RUNNING
    assert running is not None
    assert running.status is WorkStatus.RUNNING
    assert ended.status is WorkStatus.COMPLETED
    assert ended.finished_at is not None
    assert (ended.finished_at - ended.started_at).total_seconds() == 60
    assert bench.store.files[TI2V] == FILES


def test_it_tells_how_fast_bytes_come(bench: Bench) -> None:
    told: list[int | None] = []
    fetched = bench.hub.read

    def read(listing: Listing, name: str, start: int) -> Generator[bytes, None, None]:
        for chunk in fetched(listing, name, start):
            yield chunk
            bench.clock.advance(1.0)
            found = bench.work.latest(TI2V)
            told.append(found.bytes_per_s if found else None)

    bench.hub.read, bench.hub.chunk = read, 1  # type: ignore[method-assign]
    bench.hub.go.set()
    bench.work.start(WorkKind.PULL, TI2V)

    assert bench.ended().status is WorkStatus.COMPLETED
    assert told[0] is None
    assert 1 in told, "a byte a second"


def test_asked_again_while_it_runs_it_is_the_same(bench: Bench) -> None:
    first = bench.work.start(WorkKind.PULL, TI2V)
    assert bench.hub.asked.wait(DEADLINE_S)

    assert bench.work.start(WorkKind.PULL, TI2V).started_at == first.started_at
    with pytest.raises(CheckpointBusy, match=r"ti2v-5B is worked on \(pull\)"):
        bench.work.start(WorkKind.PULL, A14B)
    bench.hub.go.set()
    bench.ended()
    bench.work.start(WorkKind.PULL, A14B)
    assert bench.ended(A14B).status is WorkStatus.COMPLETED


def test_closing_stops_it_and_a_new_process_goes_on_from_there(bench: Bench) -> None:
    bench.work.start(WorkKind.PULL, TI2V)
    assert bench.hub.asked.wait(DEADLINE_S)
    closing = threading.Thread(target=bench.work.close)
    closing.start()
    while not bench.work._is_closed:
        pass
    bench.hub.go.set()
    closing.join(DEADLINE_S)

    stopped = bench.work.latest(TI2V)
    assert stopped is not None
    assert (stopped.status, stopped.code) == (WorkStatus.STOPPED, "transfer-stopped")
    assert bench.store.stored(TI2V) is None
    bench.work = bench.begin()
    bench.hub.readings.clear()
    bench.work.start(WorkKind.PULL, TI2V)
    assert bench.ended().status is WorkStatus.COMPLETED
    assert len(bench.hub.listings) == 1, "it kept to its commit"


def test_it_is_stopped_and_goes_on_when_it_is_asked_for_again(bench: Bench) -> None:
    bench.work.start(WorkKind.PULL, TI2V)
    assert bench.hub.asked.wait(DEADLINE_S)
    stopping = threading.Timer(0.05, bench.hub.go.set)  # the chunk that it waits for
    stopping.start()

    stopped = bench.work.stop(TI2V)

    assert (stopped.status, stopped.code) == (WorkStatus.STOPPED, "transfer-stopped")
    assert bench.work.stop(TI2V) == stopped, "it is over"
    bench.work.start(WorkKind.PULL, TI2V)
    assert bench.ended().status is WorkStatus.COMPLETED
    assert bench.store.files[TI2V] == FILES
    assert len(bench.hub.listings) == 1, "it kept to its commit"


def test_where_nothing_was_done_there_is_nothing_to_stop(bench: Bench) -> None:
    with pytest.raises(NoWork, match="ti2v-5B is not worked on"):
        bench.work.stop(TI2V)
    with pytest.raises(UnknownCheckpoint):
        bench.work.stop("sora")


def test_a_failure_is_kept_with_its_words(bench: Bench) -> None:
    bench.hub.go.set()
    bench.hub.wrong = 2

    bench.work.start(WorkKind.PULL, TI2V)

    failed = bench.ended()
    assert (failed.status, failed.code) == (WorkStatus.FAILED, "download-corrupt")
    assert "model_index.json" in (failed.message or "")


def test_a_fault_in_the_program_ends_the_work_and_is_not_hidden(bench: Bench) -> None:
    seen: list[threading.ExceptHookArgs] = []
    before, threading.excepthook = threading.excepthook, seen.append
    try:
        bench.hub.go.set()
        bench.hub.chunk = 0  # range() refuses it
        bench.work.start(WorkKind.PULL, TI2V)
        failed = bench.ended()
    finally:
        threading.excepthook = before

    assert (failed.status, failed.code) == (WorkStatus.FAILED, "internal")
    assert [told.exc_type for told in seen] == [ValueError]


def test_what_cannot_be_tried_is_refused_at_once(bench: Bench) -> None:
    for kind in WorkKind:
        with pytest.raises(UnknownCheckpoint):
            bench.work.start(kind, "sora")
    with pytest.raises(NotPullable):
        bench.work.start(WorkKind.PULL, "mini")
    for kind in (WorkKind.VERIFY, WorkKind.REPAIR):
        with pytest.raises(CheckpointMissing):
            bench.work.start(kind, TI2V)
    assert bench.work.latest(TI2V) is None
