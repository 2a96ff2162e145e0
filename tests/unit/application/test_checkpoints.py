"""Looking after checkpoints, over fakes."""

import pytest

from application.list_checkpoints import CheckpointState, CheckpointStatus, ListCheckpoints
from application.remove_checkpoint import RemoveCheckpoint
from application.verify_checkpoint import VerifyCheckpoint
from domain.checkpoint_manifest import FilesProgress
from domain.errors import CheckpointMissing, CheckpointUnavailable
from domain.store_errors import NotRemovable
from domain.stored_checkpoint import Origin
from tests.fakes.checkpoint_catalog import FakeCheckpointCatalog
from tests.fakes.checkpoint_store import FakeCheckpointStore, manifest_of

FILES = {"model_index.json": b"{}", "vae/model.safetensors": b"weights"}
A14B = "t2v-A14B"


@pytest.fixture
def store() -> FakeCheckpointStore:
    return FakeCheckpointStore()


def unheard(_progress: FilesProgress) -> None:
    pass


def test_a_whole_checkpoint_needs_no_remedy(store: FakeCheckpointStore) -> None:
    store.put(A14B, FILES, manifest_of(A14B, FILES))

    verdict = VerifyCheckpoint(store, FakeCheckpointCatalog()).execute(A14B, unheard)

    assert (verdict.files, verdict.size_bytes) == (2, 9)
    assert (verdict.faults, verdict.remedy) == ([], "")


@pytest.mark.parametrize(
    ("origin", "remedy"),
    [
        (Origin.PULLED, "wan models repair t2v-A14B"),
        (Origin.EMBEDDED, "Install Wan Studio again"),
        (Origin.ADOPTED, "adopt them again"),
        (Origin.CONVERTED, "convert"),
        (Origin.PLACED, "by good ones"),
    ],
)
def test_the_remedy_is_the_one_for_where_it_came_from(
    store: FakeCheckpointStore, origin: Origin, remedy: str
) -> None:
    store.put(A14B, {"model_index.json": b"{}"}, manifest_of(A14B, FILES), origin)

    verdict = VerifyCheckpoint(store, FakeCheckpointCatalog()).execute(A14B, unheard)

    assert [str(fault) for fault in verdict.faults] == ["vae/model.safetensors: missing"]
    assert remedy in verdict.remedy


def test_whole_files_that_cannot_be_used_are_not_called_whole(store: FakeCheckpointStore) -> None:
    store.put(A14B, FILES, manifest_of(A14B, FILES))
    catalog = FakeCheckpointCatalog("mini")

    with pytest.raises(CheckpointUnavailable, match="as its manifest has them, and it cannot be"):
        VerifyCheckpoint(store, catalog).execute(A14B, unheard)


def test_what_would_be_removed_is_told_before(store: FakeCheckpointStore) -> None:
    store.put(A14B, FILES, manifest_of(A14B, FILES))

    assert RemoveCheckpoint(store).ask(A14B).size_bytes == 9
    assert store.stored(A14B) is not None


@pytest.mark.parametrize("origin", [Origin.EMBEDDED, Origin.PLACED])
def test_what_is_not_ours_is_refused_before_anyone_is_asked(
    store: FakeCheckpointStore, origin: Origin
) -> None:
    store.put(A14B, FILES, manifest_of(A14B, FILES), origin)

    with pytest.raises(NotRemovable):
        RemoveCheckpoint(store).ask(A14B)


def test_what_is_not_here_cannot_be_removed(store: FakeCheckpointStore) -> None:
    with pytest.raises(CheckpointMissing):
        RemoveCheckpoint(store).ask(A14B)


def statuses(store: FakeCheckpointStore, *usable: str) -> dict[str, CheckpointStatus]:
    listed = ListCheckpoints(FakeCheckpointCatalog(*usable), store).execute()
    return {status.entry.spec.id: status for status in listed}


def test_each_checkpoint_has_a_state_and_says_what_helps(store: FakeCheckpointStore) -> None:
    store.put("mini", FILES, manifest_of("mini", FILES), Origin.EMBEDDED)
    store.put(A14B, FILES, manifest_of(A14B, FILES))

    found = statuses(store, "mini")

    assert (found["mini"].state, found["mini"].hint) == (CheckpointState.READY, "")
    assert (found[A14B].state, found[A14B].hint) == (
        CheckpointState.BROKEN,
        "wan models verify t2v-A14B",
    )
    assert (found["ti2v-5B"].state, found["ti2v-5B"].hint) == (
        CheckpointState.ABSENT,
        "wan models pull ti2v-5B",
    )
