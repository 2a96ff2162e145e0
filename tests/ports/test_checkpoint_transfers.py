"""The contract of `CheckpointStore` for what is on its way: `Staging` and `Assembly`."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from adapters.filesystem.checkpoint_store import FilesystemCheckpointStore
from domain.checkpoint_manifest import Fault, FilesProgress
from domain.errors import CheckpointMissing
from domain.ports.checkpoint_store import CheckpointStore
from domain.repository import Listing, is_taken
from domain.store_errors import CheckpointBusy, NotConvertible, PlaceTaken
from domain.stored_checkpoint import Origin
from tests.fakes.checkpoint_store import FakeCheckpointStore
from tests.fakes.model_hub import COMMIT, listed
from tests.integration.weights import write_t2v

A14B = "t2v-A14B"
WEIGHTS = "vae/diffusion_pytorch_model.safetensors"


@pytest.fixture(scope="module")
def theirs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint that is whole, elsewhere."""
    return write_t2v(tmp_path_factory.mktemp("theirs") / "t2v")


@pytest.fixture(scope="module")
def files(theirs: Path) -> dict[str, bytes]:
    paths = (path for path in theirs.rglob("*") if path.is_file())
    every = {path.relative_to(theirs).as_posix(): path.read_bytes() for path in paths}
    return {name: content for name, content in every.items() if is_taken(name)}


@pytest.fixture
def listing(files: dict[str, bytes]) -> Listing:
    listing = tuple(listed(name, content) for name, content in files.items())
    return Listing(repository="Wan-AI/Tiny", revision=COMMIT, files=listing)


@pytest.fixture(params=["filesystem", "fake"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> CheckpointStore:
    if request.param == "fake":
        return FakeCheckpointStore(tmp_path / "workshop")
    return FilesystemCheckpointStore(tmp_path / "models", tmp_path / "embedded")


def unheard(_progress: FilesProgress) -> None:
    pass


def uncounted(_count: int) -> None:
    pass


def fetch(store: CheckpointStore, listing: Listing, files: dict[str, bytes]) -> None:
    """A whole transfer, published."""
    with store.stage(A14B, listing) as staging:
        for file in staging.lacking():
            staging.receive(file, [files[file.name]])
            assert staging.settle(file, uncounted) is None
        staging.publish()


def test_what_was_settled_becomes_the_checkpoint(
    store: CheckpointStore, listing: Listing, files: dict[str, bytes]
) -> None:
    fetch(store, listing, files)

    stored = store.stored(A14B)
    assert stored is not None
    assert stored.origin is Origin.PULLED
    assert stored.promised.revision == COMMIT
    assert {file.name for file in stored.promised.files} == set(files)
    assert store.verify(A14B, unheard) == []
    assert store.unfinished(A14B) is None


def test_nobody_sees_it_before(
    store: CheckpointStore, listing: Listing, files: dict[str, bytes]
) -> None:
    with store.stage(A14B, listing) as staging:
        for file in staging.lacking():
            staging.receive(file, [files[file.name]])
            staging.settle(file, uncounted)

        assert staging.lacking() == []
        assert store.stored(A14B) is None


def test_what_came_is_there_when_it_goes_on(store: CheckpointStore, listing: Listing) -> None:
    file = listing.files[-1]

    def cut() -> Iterator[bytes]:
        yield b"abc"
        yield b"de"
        raise ConnectionError

    with pytest.raises(ConnectionError), store.stage(A14B, listing) as staging:
        staging.receive(file, cut())

    unfinished = store.unfinished(A14B)
    assert unfinished is not None
    assert (unfinished.listing, unfinished.done_bytes) == (listing, 5)
    with store.stage(A14B, listing) as staging:
        assert staging.received_bytes(file) == 5
        assert staging.received_bytes(listing.files[0]) == 0
        staging.receive(file, [b"f"])
        assert staging.received_bytes(file) == 6
        assert staging.free_bytes() > 0


@pytest.mark.parametrize(
    ("spoil", "fault"),
    [
        (lambda content: content[:-1], Fault.CUT_SHORT),
        (lambda content: content + b"x", Fault.TOO_LONG),
        (lambda content: content[:-1] + bytes([content[-1] ^ 1]), Fault.CHANGED),
    ],
)
@pytest.mark.parametrize("name", [WEIGHTS, "vae/config.json"])
def test_what_is_wrong_is_told_and_dropped(
    store: CheckpointStore,
    listing: Listing,
    files: dict[str, bytes],
    spoil: object,
    fault: Fault,
    name: str,
) -> None:
    assert callable(spoil)
    file = next(file for file in listing.files if file.name == name)

    with store.stage(A14B, listing) as staging:
        staging.receive(file, [spoil(files[name])])
        found = staging.settle(file, uncounted)

        assert found is not None
        assert (found.name, found.fault) == (name, fault)
        assert staging.received_bytes(file) == 0
        assert file in staging.lacking()


def test_an_empty_file_is_whole_without_a_byte(store: CheckpointStore, listing: Listing) -> None:
    empty = listed("vae/empty.json", b"")
    only = Listing(repository="r", revision=COMMIT, files=(empty,))

    with store.stage(A14B, only) as staging:
        assert staging.settle(empty, uncounted) is None
        assert staging.lacking() == []


def test_another_listing_keeps_the_files_that_both_have(
    store: CheckpointStore, listing: Listing, files: dict[str, bytes]
) -> None:
    same, whole, other = listing.files[:3]
    with store.stage(A14B, listing) as staging:
        staging.receive(same, [b"abc"])
        staging.receive(whole, [files[whole.name]])
        staging.settle(whole, uncounted)
        staging.receive(other, [b"abc"])
    changed = listed(other.name, b"other bytes")
    again = Listing(repository="r", revision="f" * 40, files=(same, whole, changed))

    with store.stage(A14B, again) as staging:
        assert staging.received_bytes(same) == 3
        assert staging.received_bytes(changed) == 0
        assert list(staging.lacking()) == [same, changed]
        assert (staging.folder / whole.name).read_bytes() == files[whole.name]


def test_one_at_a_time_and_each_checkpoint_for_itself(
    store: CheckpointStore, listing: Listing
) -> None:
    with store.stage(A14B, listing):
        with pytest.raises(CheckpointBusy), store.stage(A14B, listing):
            pass
        with store.stage("i2v-A14B", listing):
            pass
    with store.stage(A14B, listing):
        pass


def test_files_take_their_places_in_a_checkpoint_that_is_there(
    store: CheckpointStore, listing: Listing, files: dict[str, bytes]
) -> None:
    fetch(store, listing, files)
    file = next(file for file in listing.files if file.name == WEIGHTS)
    part = Listing(repository="Wan-AI/Tiny", revision=COMMIT, files=(file,))

    with store.stage(A14B, part) as staging:
        staging.receive(file, [files[WEIGHTS]])
        staging.settle(file, uncounted)
        staging.publish()

    stored = store.stored(A14B)
    assert stored is not None
    assert len(stored.promised.files) == len(files)
    assert store.verify(A14B, unheard) == []
    assert store.unfinished(A14B) is None


def test_an_unfinished_transfer_can_be_removed(store: CheckpointStore, listing: Listing) -> None:
    with store.stage(A14B, listing) as staging:
        staging.receive(listing.files[0], [b"abc"])

    assert store.remove(A14B).freed_bytes >= 3

    assert store.unfinished(A14B) is None
    with pytest.raises(CheckpointMissing):
        store.remove(A14B)


def test_links_become_a_checkpoint_that_leaves_its_files_alone(
    store: CheckpointStore, theirs: Path, files: dict[str, bytes]
) -> None:
    told: list[FilesProgress] = []
    with store.assemble(A14B) as assembly:
        for name in files:
            assembly.link(name, theirs / name)
        assert store.stored(A14B) is None
        assembly.publish(told.append, adopted_from=[str(theirs)])

    stored = store.stored(A14B)
    assert stored is not None
    assert (stored.origin, stored.source) == (Origin.ADOPTED, str(theirs))
    assert told[-1].done_bytes == told[-1].total_bytes
    assert store.verify(A14B, unheard) == []
    store.remove(A14B)
    assert {name: (theirs / name).read_bytes() for name in files} == files


def test_files_can_be_made_for_a_checkpoint(
    store: CheckpointStore, theirs: Path, files: dict[str, bytes]
) -> None:
    with store.assemble(A14B) as assembly:
        for name in files:
            if name != "model_index.json":
                assembly.take(name, theirs / name)
        (assembly.folder / "model_index.json").write_bytes(files["model_index.json"])
        assembly.publish(unheard, converted_from=["/weights/high.safetensors"])

    stored = store.stored(A14B)
    assert stored is not None
    assert (stored.origin, stored.source) == (Origin.CONVERTED, "/weights/high.safetensors")
    store.remove(A14B)
    assert {name: (theirs / name).read_bytes() for name in files} == files


def test_an_unfinished_transfer_is_dropped_for_what_is_assembled(
    store: CheckpointStore, listing: Listing, theirs: Path, files: dict[str, bytes]
) -> None:
    with store.stage(A14B, listing) as staging:
        staging.receive(listing.files[0], [b"abc"])

    with store.assemble(A14B) as assembly:
        for name in files:
            assembly.link(name, theirs / name)
        assembly.publish(unheard, adopted_from=[str(theirs)])

    assert store.unfinished(A14B) is None


def test_what_is_not_published_is_gone(store: CheckpointStore, theirs: Path) -> None:
    with store.assemble(A14B) as assembly:
        assembly.link("model_index.json", theirs / "model_index.json")
        folder = assembly.folder

    assert not folder.exists()
    assert store.stored(A14B) is None


def test_a_place_that_is_taken_is_not_assembled_into(
    store: CheckpointStore, listing: Listing, files: dict[str, bytes]
) -> None:
    fetch(store, listing, files)

    with pytest.raises(PlaceTaken, match="wan models remove"), store.assemble(A14B):
        pass
    assert store.verify(A14B, unheard) == []


def test_a_checkpoint_that_is_made_anew_is_there_until_the_new_one_is(
    store: CheckpointStore, listing: Listing, files: dict[str, bytes]
) -> None:
    fetch(store, listing, files)
    before = store.stored(A14B)
    assert before is not None

    with store.rework(A14B) as assembly:
        for name in files.keys() - {"tokenizer/tokenizer_config.json"}:
            assembly.take(name, before.folder / name)
        (assembly.folder / "tokenizer").mkdir(exist_ok=True)
        (assembly.folder / "tokenizer/tokenizer_config.json").write_bytes(b"{}")
        assert store.verify(A14B, unheard) == []
        assert store.stored(A14B) == before
        assert assembly.free_bytes() > 0
        assembly.publish(unheard, recast=["tokenizer"])

    after = store.stored(A14B)
    assert after is not None
    assert (after.origin, after.promised.recast) == (Origin.CONVERTED, ("tokenizer",))
    assert after.promised.repository == before.promised.repository
    assert after.promised.revision == COMMIT
    assert store.verify(A14B, unheard) == []
    sizes = {file.name: file.size_bytes for file in after.promised.files}
    assert sizes["tokenizer/tokenizer_config.json"] == 2
    assert sizes[WEIGHTS] == len(files[WEIGHTS])


def test_what_is_not_published_anew_is_what_it_was(
    store: CheckpointStore, listing: Listing, files: dict[str, bytes]
) -> None:
    fetch(store, listing, files)
    before = store.stored(A14B)

    with store.rework(A14B) as assembly:
        (assembly.folder / "model_index.json").write_bytes(b"{}")

    assert store.stored(A14B) == before
    assert store.verify(A14B, unheard) == []


def test_what_is_not_here_or_others_is_not_made_anew(
    store: CheckpointStore, theirs: Path, files: dict[str, bytes]
) -> None:
    with pytest.raises(CheckpointMissing), store.rework(A14B):
        pass
    with store.assemble(A14B) as assembly:
        for name in files:
            assembly.link(name, theirs / name)
        assembly.publish(unheard, adopted_from=[str(theirs)])

    with pytest.raises(NotConvertible, match="wan models remove t2v-A14B"), store.rework(A14B):
        pass
