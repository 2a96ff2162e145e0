"""What every CheckpointCatalog does. What files can do wrong: tests/integration/test_checkpoint_files."""

from collections.abc import Callable
from pathlib import Path

import pytest

from adapters.filesystem.checkpoint_catalog import FilesystemCheckpointCatalog
from domain.checkpoint import CHECKPOINTS, checkpoint_spec
from domain.errors import CheckpointMissing, UnknownCheckpoint
from domain.ports.checkpoint_catalog import CheckpointCatalog
from tests.fakes.checkpoint_catalog import FakeCheckpointCatalog
from tests.fakes.checkpoint_folder import TENSOR_BYTES, write_checkpoint

CatalogOf = Callable[..., CheckpointCatalog]


@pytest.fixture(params=["filesystem", "fake"])
def catalog_of(request: pytest.FixtureRequest, tmp_path: Path) -> CatalogOf:
    """A catalog of the checkpoints with those ids."""

    def make(*here: str) -> CheckpointCatalog:
        if request.param == "fake":
            return FakeCheckpointCatalog(*here)
        for checkpoint_id in here:
            write_checkpoint(tmp_path / checkpoint_id, checkpoint_spec(checkpoint_id))
        return FilesystemCheckpointCatalog([tmp_path])

    return make


def test_every_checkpoint_is_listed_in_the_order_of_the_specifications(
    catalog_of: CatalogOf,
) -> None:
    entries = catalog_of("t2v-1.3B").entries()

    assert [entry.spec for entry in entries] == list(CHECKPOINTS)


def test_an_entry_is_either_here_or_says_why_not(catalog_of: CatalogOf) -> None:
    entries = catalog_of("mini", "ti2v-5B").entries()

    assert [entry.spec.id for entry in entries if entry.local] == ["mini", "ti2v-5B"]
    assert all((entry.local is None) == bool(entry.problem) for entry in entries)


@pytest.mark.parametrize("spec", CHECKPOINTS, ids=lambda spec: spec.id)
def test_what_is_here_is_found_with_its_parts(catalog_of: CatalogOf, spec) -> None:  # type: ignore[no-untyped-def]
    found = catalog_of(spec.id).find(spec.id)

    names = {component.name for component in found.components}
    assert found.spec == spec
    assert ("transformer_2" in names) == spec.has_two_experts
    assert found.weight_bytes == sum(c.weight_bytes for c in found.components) > 0


def test_finding_and_listing_tell_the_same(catalog_of: CatalogOf) -> None:
    catalog = catalog_of("mini")

    (listed,) = [entry.local for entry in catalog.entries() if entry.local]

    assert catalog.find("mini") == listed


def test_what_is_not_here_is_missing(catalog_of: CatalogOf) -> None:
    with pytest.raises(CheckpointMissing):
        catalog_of("mini").find("t2v-A14B")


@pytest.mark.parametrize("checkpoint_id", ["t2v-A15B", "", "../mini", "MINI"])
def test_what_nobody_has_heard_of_is_unknown(catalog_of: CatalogOf, checkpoint_id: str) -> None:
    with pytest.raises(UnknownCheckpoint, match="t2v-A14B"):
        catalog_of("mini").find(checkpoint_id)


class TestFilesystem:
    """What only folders have."""

    def test_weights_are_counted_to_the_byte(self, tmp_path: Path) -> None:
        write_checkpoint(tmp_path / "mini", checkpoint_spec("mini"))

        found = FilesystemCheckpointCatalog([tmp_path]).find("mini")

        assert found.weight_bytes == 4 * TENSOR_BYTES
        assert {component.dtypes for component in found.components} == {("BF16",)}

    def test_the_users_own_folder_comes_before_the_embedded_one(self, tmp_path: Path) -> None:
        for folder in ("users", "embedded"):
            write_checkpoint(tmp_path / folder / "mini", checkpoint_spec("mini"))
        catalog = FilesystemCheckpointCatalog([tmp_path / "users", tmp_path / "embedded"])

        assert catalog.find("mini").folder == tmp_path / "users" / "mini"

    def test_a_missing_one_says_where_it_would_be_looked_for(self, tmp_path: Path) -> None:
        catalog = FilesystemCheckpointCatalog([tmp_path / "users", tmp_path / "embedded"])

        with pytest.raises(CheckpointMissing, match=str(tmp_path / "users" / "t2v-A14B")):
            catalog.find("t2v-A14B")

    def test_a_folder_put_there_later_is_found_at_once(self, tmp_path: Path) -> None:
        catalog = FilesystemCheckpointCatalog([tmp_path])
        assert not any(entry.local for entry in catalog.entries())

        write_checkpoint(tmp_path / "mini", checkpoint_spec("mini"))

        assert catalog.find("mini").folder == tmp_path / "mini"
