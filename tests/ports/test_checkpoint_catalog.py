"""The contract of `CheckpointCatalog`, on every adapter."""

from pathlib import Path

import pytest

import adapters.embedded
from adapters.filesystem.checkpoint_catalog import FilesystemCheckpointCatalog
from domain.checkpoint import CHECKPOINTS
from domain.errors import CheckpointMissing, UnknownCheckpoint
from domain.ports.checkpoint_catalog import CheckpointCatalog
from tests.fakes.checkpoint_catalog import FakeCheckpointCatalog


@pytest.fixture(params=["filesystem", "fake"])
def catalog(request: pytest.FixtureRequest, tmp_path: Path) -> CheckpointCatalog:
    """One in which `mini` is here and the large ones are not."""
    if request.param == "fake":
        return FakeCheckpointCatalog("mini")
    return FilesystemCheckpointCatalog([tmp_path, Path(adapters.embedded.__path__[0])])


def test_every_checkpoint_is_listed_once_and_in_order(catalog: CheckpointCatalog) -> None:
    assert [entry.spec for entry in catalog.entries()] == list(CHECKPOINTS)


def test_an_entry_is_here_or_says_why_not(catalog: CheckpointCatalog) -> None:
    entries = {entry.spec.id: entry for entry in catalog.entries()}

    assert entries["mini"].local is not None
    assert entries["mini"].problem is None
    assert entries["t2v-A14B"].local is None
    assert entries["t2v-A14B"].problem


def test_what_is_found_has_weights_of_both_experts(catalog: CheckpointCatalog) -> None:
    found = catalog.find("mini")

    assert {"transformer", "transformer_2"} <= {part.name for part in found.components}
    assert found.weight_bytes == sum(part.weight_bytes for part in found.components) > 0


def test_a_use_can_be_noted_of_all_that_is_here(catalog: CheckpointCatalog) -> None:
    found = catalog.find("mini")

    catalog.note_use(found)

    assert catalog.find("mini") == found


def test_a_known_checkpoint_that_is_not_here_is_missing(catalog: CheckpointCatalog) -> None:
    with pytest.raises(CheckpointMissing):
        catalog.find("t2v-A14B")


def test_an_unknown_checkpoint_is_unknown(catalog: CheckpointCatalog) -> None:
    with pytest.raises(UnknownCheckpoint, match="mini"):
        catalog.find("sora")
