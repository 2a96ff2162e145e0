"""Fetching and mending, over fakes."""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

import pytest

from application.fetch_files import FetchFiles
from application.pull_checkpoint import PullCheckpoint
from application.repair_checkpoint import RepairCheckpoint
from domain.checkpoint_manifest import FilesProgress
from domain.errors import CheckpointMissing, DiskFull, UnknownCheckpoint
from domain.repository import REPOSITORIES, goes_with_a_transformer
from domain.store_errors import (
    CheckpointBusy,
    DownloadCorrupt,
    HubUnreachable,
    NotPullable,
    PlaceTaken,
    RepositoryUnknown,
    TransferStopped,
)
from domain.stored_checkpoint import Origin
from tests.fakes.checkpoint_store import FakeCheckpointStore, manifest_of
from tests.fakes.model_hub import COMMIT, FakeModelHub

A14B = "t2v-A14B"
REPOSITORY = REPOSITORIES[A14B]
TAKEN = {
    "model_index.json": b'{"_class_name": "WanPipeline"}',
    "vae/config.json": b"{}",
    "vae/model.safetensors": b"weights " * 9,
    "tokenizer/spiece.model": b"pieces",
    "vae/empty.json": b"",
    "transformer/model.safetensors": b"weights",
}
LEFT = {
    "README.md": b"#",
    "vae/pytorch_model.bin": b"pickle",
    "modeling.py": b"code",
    "assets/a/b.json": b"1",
    "examples/x.safetensors": b"1",
}
SIZE = sum(map(len, TAKEN.values()))


@dataclass
class Bench:
    """What a pull needs, and what it did."""

    hub: FakeModelHub = field(default_factory=lambda: FakeModelHub({REPOSITORY: {**TAKEN, **LEFT}}))
    store: FakeCheckpointStore = field(default_factory=FakeCheckpointStore)
    waits: list[float] = field(default_factory=list)
    told: list[FilesProgress] = field(default_factory=list)
    reserve_bytes: int = 1000

    @property
    def fetch(self) -> FetchFiles:
        return FetchFiles(self.hub, reserve_bytes=self.reserve_bytes, wait=self.waits.append)

    def pull(self, revision: str | None = None) -> bool:
        pulling = PullCheckpoint(self.store, self.hub, self.fetch)
        return pulling.execute(A14B, revision, self.told.append).was_here

    def repair(self) -> list[str]:
        found = RepairCheckpoint(self.store, self.fetch).execute(A14B, self.told.append)
        return [fault.name for fault in found]


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_what_a_pipeline_needs_is_taken_and_nothing_else(bench: Bench) -> None:
    assert bench.pull() is False

    assert bench.store.files[A14B] == TAKEN
    stored = bench.store.stored(A14B)
    assert stored is not None
    assert stored.manifest is not None
    assert (stored.manifest.repository, stored.manifest.revision) == (REPOSITORY, COMMIT)
    assert bench.store.verify(A14B, bench.told.append) == []


def test_what_would_be_taken_is_told_without_a_byte_of_it(bench: Bench) -> None:
    offer = PullCheckpoint(bench.store, bench.hub, bench.fetch).offer(A14B)

    assert {file.name for file in offer.files} == set(TAKEN)
    assert offer.size_bytes == sum(len(content) for content in TAKEN.values())
    assert bench.hub.readings == []


def test_progress_reaches_the_end_and_never_falls(bench: Bench) -> None:
    bench.hub.cuts = [3, 5]

    bench.pull()

    done = [told.done_bytes for told in bench.told]
    assert done == sorted(done)
    assert done[-1] == SIZE == bench.told[-1].total_bytes


def test_a_cut_goes_on_where_it_was(bench: Bench) -> None:
    bench.hub.cuts = [4]

    bench.pull()

    assert bench.hub.readings[:2] == [("model_index.json", 0), ("model_index.json", 4)]
    assert bench.store.files[A14B] == TAKEN
    assert bench.waits == []


def test_a_hub_that_gives_nothing_is_asked_five_times_ever_more_slowly(bench: Bench) -> None:
    bench.hub.cuts = [4, 0, 0, 0, 0, 0]

    with pytest.raises(HubUnreachable):
        bench.pull()

    assert bench.waits == [1.0, 2.0, 4.0, 8.0]
    assert bench.store.stored(A14B) is None


def test_a_pull_that_was_given_up_goes_on_where_it_was(bench: Bench) -> None:
    bench.hub.cuts = [4, 0, 0, 0, 0, 0]
    with pytest.raises(HubUnreachable):
        bench.pull()
    bench.hub.readings.clear()

    bench.pull()

    assert bench.hub.readings[0] == ("model_index.json", 4)
    assert len(bench.hub.listings) == 1
    assert bench.store.files[A14B] == TAKEN


def test_a_stopped_pull_keeps_what_came(bench: Bench) -> None:
    def stop(progress: FilesProgress) -> None:
        if progress.done_bytes >= 40:
            raise TransferStopped

    with pytest.raises(TransferStopped):
        PullCheckpoint(bench.store, bench.hub, bench.fetch).execute(A14B, None, stop)

    unfinished = bench.store.unfinished(A14B)
    assert unfinished is not None
    assert unfinished.done_bytes >= 40
    bench.pull()
    assert bench.store.files[A14B] == TAKEN


def test_a_pull_keeps_to_its_commit_when_the_branch_moves(bench: Bench) -> None:
    bench.hub.cuts = [4, 0, 0, 0, 0, 0]
    with pytest.raises(HubUnreachable):
        bench.pull()
    bench.hub.commit = "f" * 40

    with pytest.raises(NotPullable, match="unfinished"):
        bench.pull("main")
    bench.pull()

    stored = bench.store.stored(A14B)
    assert stored is not None
    assert stored.manifest is not None
    assert stored.manifest.revision == COMMIT


def test_parts_that_were_fetched_for_a_conversion_are_not_fetched_again(bench: Bench) -> None:
    parts = bench.hub.listing(REPOSITORY, "main").only(goes_with_a_transformer)
    with bench.store.stage(A14B, parts) as staging:
        bench.fetch.execute(parts, staging, bench.told.append)
    bench.hub.readings.clear()

    bench.pull()

    assert bench.store.files[A14B] == TAKEN
    assert bench.hub.readings == [("transformer/model.safetensors", 0)]


def test_a_wrong_byte_is_fetched_again(bench: Bench) -> None:
    bench.hub.wrong = 1

    bench.pull()

    assert bench.store.files[A14B] == TAKEN


def test_a_file_that_comes_wrong_twice_is_named_and_nothing_is_ready(bench: Bench) -> None:
    bench.hub.wrong = 2

    with pytest.raises(DownloadCorrupt, match=r"model_index\.json: changed twice"):
        bench.pull()
    assert bench.store.stored(A14B) is None


def test_what_does_not_fit_is_refused_before_a_byte_is_fetched(bench: Bench) -> None:
    bench.store.free_bytes = SIZE + bench.reserve_bytes - 1

    with pytest.raises(DiskFull, match="must stay free"):
        bench.pull()
    assert bench.hub.readings == []


@pytest.mark.parametrize(
    ("lacking", "told"),
    [
        (1, r"disk\. wan models remove t2v-1\.3B would free 0\.00 GiB \(last used 2026-01-02\)\.$"),
        (SIZE + 1, r"disk\. wan models remove t2v-1\.3B .* wan models remove ti2v-5B .*-01\)\.$"),
        (2 * SIZE + 1, r"disk\. .*t2v-1\.3B .*ti2v-5B .*\. That would still not be enough\.$"),
    ],
)
def test_a_full_disk_says_what_could_be_removed_the_least_recently_used_first(
    bench: Bench, lacking: int, told: str
) -> None:
    bench.store.free_bytes = SIZE + bench.reserve_bytes - lacking
    kept = {"ti2v-5B": Origin.PULLED, "i2v-A14B": Origin.ADOPTED, "t2v-1.3B": Origin.CONVERTED}
    days = ((2026, 11, 1), (2025, 1, 1), (2026, 1, 2))
    for (name, origin), day in zip(kept.items(), days, strict=True):
        bench.store.put(name, TAKEN, manifest_of(name, TAKEN), origin)
        bench.store.used_at[name] = datetime(*day, tzinfo=UTC)

    with pytest.raises(DiskFull, match=told):
        bench.pull()
    assert set(bench.store.files) == set(kept)


def test_what_is_here_of_it_needs_no_room(bench: Bench) -> None:
    bench.hub.cuts = [20, 0, 0, 0, 0, 0]
    with pytest.raises(HubUnreachable):
        bench.pull()
    bench.store.free_bytes = SIZE - 20 + bench.reserve_bytes

    bench.pull()

    assert bench.store.files[A14B] == TAKEN


def test_a_second_pull_fetches_nothing(bench: Bench) -> None:
    bench.pull()
    bench.hub.readings.clear()

    assert bench.pull() is True
    assert bench.pull(COMMIT) is True
    assert bench.hub.readings == []


def test_another_revision_of_what_is_here_is_refused(bench: Bench) -> None:
    bench.pull()

    with pytest.raises(PlaceTaken, match="wan models remove t2v-A14B"):
        bench.pull("e" * 40)


def test_what_was_pulled_and_is_not_whole_any_more_is_to_be_repaired(bench: Bench) -> None:
    bench.pull()
    del bench.store.files[A14B]["vae/model.safetensors"]

    with pytest.raises(PlaceTaken, match="wan models repair t2v-A14B"):
        bench.pull()


def test_what_was_converted_and_is_not_whole_any_more_is_to_be_made_again(bench: Bench) -> None:
    # It was told to repair it, which repair then refused.
    manifest = replace(manifest_of(A14B, TAKEN), repository=REPOSITORY, revision=COMMIT)
    short = {name: content for name, content in TAKEN.items() if not name.startswith("vae/")}
    bench.store.put(A14B, short, replace(manifest, recast=("transformer",)), Origin.CONVERTED)

    with pytest.raises(PlaceTaken) as refused:
        bench.pull()

    assert "repair" not in refused.value.message
    assert refused.value.message.endswith(
        "`wan models remove t2v-A14B`, then `wan models pull t2v-A14B --convert`."
    )


def test_what_others_put_there_is_not_touched(bench: Bench) -> None:
    bench.store.put(A14B, {"model_index.json": b"theirs"}, None, Origin.PLACED)

    with pytest.raises(PlaceTaken, match="put there by hand"):
        bench.pull()
    assert bench.store.files[A14B] == {"model_index.json": b"theirs"}


def test_a_repository_in_another_layout_is_refused(bench: Bench) -> None:
    bench.hub = FakeModelHub({REPOSITORY: {"Wan2.2.safetensors": b"x"}})

    with pytest.raises(RepositoryUnknown, match="diffusers' layout"):
        bench.pull()


def test_what_has_no_repository_says_which_have(bench: Bench) -> None:
    pulling = PullCheckpoint(bench.store, bench.hub, bench.fetch)

    with pytest.raises(NotPullable, match="t2v-A14B"):
        pulling.execute("mini", None, bench.told.append)
    with pytest.raises(UnknownCheckpoint):
        pulling.execute("sora", None, bench.told.append)


def test_two_pulls_of_the_same_do_not_run_at_once(bench: Bench) -> None:
    listing = bench.hub.listing(REPOSITORY, "main")

    with bench.store.stage(A14B, listing), pytest.raises(CheckpointBusy):
        bench.pull()


def test_only_what_is_wrong_is_fetched_again(bench: Bench) -> None:
    bench.pull()
    bench.hub.readings.clear()
    bench.store.files[A14B]["vae/model.safetensors"] = b"weights"
    del bench.store.files[A14B]["vae/config.json"]

    assert bench.repair() == ["vae/config.json", "vae/model.safetensors"]

    assert [name for name, _ in bench.hub.readings] == ["vae/config.json", "vae/model.safetensors"]
    assert bench.store.files[A14B] == TAKEN


def test_a_whole_checkpoint_is_not_repaired(bench: Bench) -> None:
    bench.pull()
    bench.hub.readings.clear()

    assert bench.repair() == []
    assert bench.hub.readings == []


def test_what_was_not_pulled_cannot_be_repaired(bench: Bench) -> None:
    with pytest.raises(CheckpointMissing, match="wan models pull"):
        bench.repair()

    bench.store.put(A14B, TAKEN, manifest_of(A14B, TAKEN), Origin.ADOPTED)
    with pytest.raises(NotPullable, match="was not pulled"):
        bench.repair()
