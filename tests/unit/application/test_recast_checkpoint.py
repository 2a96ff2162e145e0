"""Storing a checkpoint as it is run, over fakes."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from application.recast_checkpoint import Recast, RecastCheckpoint
from application.repair_checkpoint import RepairCheckpoint
from application.verify_checkpoint import VerifyCheckpoint
from domain.checkpoint_manifest import FilesProgress
from domain.errors import CheckpointBroken, CheckpointMissing, DiskFull
from domain.local_checkpoint import Component, LocalCheckpoint
from domain.store_errors import NotConvertible, NotPullable
from domain.stored_checkpoint import Origin
from tests.fakes.checkpoint_catalog import FakeCheckpointCatalog
from tests.fakes.checkpoint_store import FakeCheckpointStore, manifest_of
from tests.fakes.weight_converter import WEIGHTS, FakeWeightConverter
from tests.fakes.weight_reader import FakeWeightReader

A14B = "t2v-A14B"
FILES = {
    "model_index.json": b"{}",
    "transformer/config.json": b"1",
    "transformer/model.safetensors": b"in fp32" * 9,
    "transformer_2/config.json": b"2",
    "transformer_2/model.safetensors": b"in bf16",
    "vae/model.safetensors": b"in fp32",
}


class Catalog(FakeCheckpointCatalog):
    """The first expert and the VAE are in fp32."""

    dtypes: Sequence[tuple[str, str]] = (
        ("transformer", "F32"), ("transformer_2", "BF16"), ("vae", "F32"),
    )  # fmt: skip

    def find(self, checkpoint_id: str) -> LocalCheckpoint:
        parts = (
            Component(name=name, weight_bytes=1, dtypes=(dtype,)) for name, dtype in self.dtypes
        )
        return replace(super().find(checkpoint_id), components=tuple(parts))


@pytest.fixture
def store(tmp_path: Path) -> FakeCheckpointStore:
    made = FakeCheckpointStore(tmp_path / "workshop")
    made.put(A14B, FILES, manifest_of(A14B, FILES))
    return made


def unheard(_progress: FilesProgress) -> None:
    pass


def recast(
    store: FakeCheckpointStore, catalog: FakeCheckpointCatalog | None = None, *, reserve: int = 0
) -> Recast:
    return RecastCheckpoint(
        store,
        catalog or Catalog(),
        FakeWeightReader(),
        FakeWeightConverter(),
        reserve_bytes=reserve,
    ).execute(A14B, unheard)


def test_what_is_stored_otherwise_is_written_anew_and_all_else_stays(
    store: FakeCheckpointStore,
) -> None:
    recast_to = b"transformer as it is run"

    done = recast(store)

    assert done.parts == ("transformer",)
    assert done.freed_bytes == len(b"in fp32" * 9) - len(recast_to)
    changed = {f"transformer/{WEIGHTS}": recast_to}
    kept = {n: c for n, c in FILES.items() if n != "transformer/model.safetensors"}
    assert store.files[A14B] == kept | changed
    assert (done.stored.origin, done.stored.promised.recast) == (
        Origin.CONVERTED,
        ("transformer",),
    )
    assert done.stored.source == "Wan-AI/t2v-A14B at c0ffeec0ffee, transformer converted here"


def test_it_verifies_and_repair_says_how_it_is_made_again(store: FakeCheckpointStore) -> None:
    recast(store)

    assert store.verify(A14B, unheard) == []
    with pytest.raises(NotPullable, match="wan models pull t2v-A14B --convert"):
        RepairCheckpoint(store, fetch=None).check(A14B)  # type: ignore[arg-type]  # not reached
    store.files[A14B][f"transformer/{WEIGHTS}"] = b"x"
    remedy = VerifyCheckpoint(store, FakeCheckpointCatalog()).execute(A14B, unheard).remedy
    assert remedy == "`wan models remove t2v-A14B`, then `wan models pull t2v-A14B --convert`."


def test_what_is_stored_as_it_is_run_stays(store: FakeCheckpointStore) -> None:
    done = recast(store, FakeCheckpointCatalog())

    assert done.parts == ()
    assert store.files[A14B] == FILES


@pytest.mark.parametrize("origin", [Origin.ADOPTED, Origin.EMBEDDED, Origin.PLACED])
def test_others_files_are_not_changed(store: FakeCheckpointStore, origin: Origin) -> None:
    store.put(A14B, FILES, manifest_of(A14B, FILES), origin)

    with pytest.raises(NotConvertible):
        recast(store)
    assert store.files[A14B] == FILES


def test_nothing_is_converted_where_nothing_is(store: FakeCheckpointStore) -> None:
    store.remove(A14B)

    with pytest.raises(CheckpointMissing, match="wan models pull"):
        recast(store)


def test_room_for_both_is_asked_for_first(store: FakeCheckpointStore) -> None:
    store.free_bytes = 2**30

    with pytest.raises(DiskFull, match=r"1\.0 GiB must stay free; 1\.0 GiB are free") as refused:
        recast(store, reserve=2**30)
    assert refused.value.lacking_bytes == len(b"transformer as it is run")
    assert store.files[A14B] == FILES


def test_a_file_that_changed_is_not_converted(store: FakeCheckpointStore) -> None:
    store.files[A14B]["vae/model.safetensors"] = b"in fp16"

    with pytest.raises(CheckpointBroken, match=r"vae/model\.safetensors: changed"):
        recast(store)
    assert store.files[A14B]["transformer/model.safetensors"] == b"in fp32" * 9


def test_weights_that_the_manifest_does_not_name_are_not_converted(
    store: FakeCheckpointStore,
) -> None:
    named = {n: c for n, c in FILES.items() if n != "transformer/model.safetensors"}
    store.put(A14B, FILES, manifest_of(A14B, named))

    with pytest.raises(
        NotConvertible, match=r"transformer/model\.safetensors is none of the files"
    ):
        recast(store)
    assert store.files[A14B] == FILES
