"""Adopting, over fakes."""

from pathlib import Path

import pytest

from application.adopt_checkpoint import AdoptCheckpoint
from domain.checkpoint_manifest import FilesProgress
from domain.errors import UnknownCheckpoint
from domain.found_weights import FoundFolder, TransformerForm
from domain.store_errors import PlaceTaken, WeightsUnrecognised
from domain.stored_checkpoint import Origin
from tests.fakes.checkpoint_store import FakeCheckpointStore
from tests.fakes.weight_reader import FakeWeightReader

T2V = TransformerForm(in_channels=16, out_channels=16, dim=5120, blocks=40)


@pytest.fixture
def store(tmp_path: Path) -> FakeCheckpointStore:
    return FakeCheckpointStore(tmp_path / "workshop")


@pytest.fixture
def theirs(tmp_path: Path) -> Path:
    (tmp_path / "theirs").mkdir()
    (tmp_path / "theirs/model_index.json").write_bytes(b"{}")
    return tmp_path / "theirs"


def adopting(
    store: FakeCheckpointStore, folder: Path, form: TransformerForm | None = T2V
) -> AdoptCheckpoint:
    found = FoundFolder(
        folder=folder, files=("model_index.json",), form=form, experts=2, latent_channels=16
    )
    return AdoptCheckpoint(store, FakeWeightReader({folder: found}))


def unheard(_progress: FilesProgress) -> None:
    pass


@pytest.mark.parametrize("meant", [None, "t2v-A14B"])
def test_a_folder_becomes_the_checkpoint_it_is(
    store: FakeCheckpointStore, theirs: Path, meant: str | None
) -> None:
    stored = adopting(store, theirs).execute(theirs, meant, unheard)

    assert (stored.checkpoint_id, stored.origin) == ("t2v-A14B", Origin.ADOPTED)
    assert stored.source == str(theirs)
    assert store.verify("t2v-A14B", unheard) == []


def test_what_it_is_not_is_refused(store: FakeCheckpointStore, theirs: Path) -> None:
    with pytest.raises(WeightsUnrecognised, match="is not i2v-A14B but t2v-A14B"):
        adopting(store, theirs).execute(theirs, "i2v-A14B", unheard)
    with pytest.raises(UnknownCheckpoint):
        adopting(store, theirs).execute(theirs, "sora", unheard)
    with pytest.raises(WeightsUnrecognised, match="no transformer"):
        adopting(store, theirs, None).execute(theirs, None, unheard)
    assert store.stored("t2v-A14B") is None


def test_what_is_here_stays(store: FakeCheckpointStore, theirs: Path) -> None:
    store.put("t2v-A14B", {"model_index.json": b"mine"}, None, Origin.PLACED)

    with pytest.raises(PlaceTaken):
        adopting(store, theirs).execute(theirs, None, unheard)
    assert store.files["t2v-A14B"] == {"model_index.json": b"mine"}


def test_what_has_not_its_size_is_adopted_only_by_name(
    store: FakeCheckpointStore, theirs: Path
) -> None:
    small = TransformerForm(in_channels=16, out_channels=16, dim=160, blocks=5)

    with pytest.raises(WeightsUnrecognised, match="not of its size: 5 blocks of 160"):
        adopting(store, theirs, small).execute(theirs, None, unheard)
    assert adopting(store, theirs, small).execute(theirs, "t2v-A14B", unheard)
