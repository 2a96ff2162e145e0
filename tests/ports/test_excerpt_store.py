"""What every ExcerptStore does."""

from pathlib import Path

import pytest

from adapters.filesystem.excerpt_store import FilesystemExcerptStore
from domain.excerpts import Excerpts
from domain.ports.excerpt_store import ExcerptStore
from tests.fakes.excerpt_store import FakeExcerptStore

ONE = Excerpts(thumbnail=b"one", spritesheet=b"many", recipe='{"version": "红"}')
WITHOUT_RECIPE = Excerpts(thumbnail=b"1", spritesheet=b"2", recipe=None)


@pytest.fixture(params=["filesystem", "fake"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> ExcerptStore:
    return FakeExcerptStore() if request.param == "fake" else FilesystemExcerptStore(tmp_path / "x")


@pytest.mark.parametrize("excerpts", [ONE, WITHOUT_RECIPE])
def test_what_is_kept_is_found_as_it_was(excerpts: Excerpts, store: ExcerptStore) -> None:
    assert store.find("ab") is None

    store.keep("ab", excerpts)
    store.keep("ab", excerpts)

    assert store.find("ab") == excerpts
    assert store.find("cd") is None


def test_what_is_forgotten_is_not_found(store: ExcerptStore) -> None:
    store.keep("ab", ONE)
    store.keep("cd", ONE)

    store.forget("ab")
    store.forget("ab")

    assert (store.find("ab"), store.find("cd")) == (None, ONE)


def test_a_folder_that_was_emptied_holds_nothing_and_takes_it_again(tmp_path: Path) -> None:
    store = FilesystemExcerptStore(tmp_path)
    store.keep("ab", ONE)
    for path in [*tmp_path.iterdir()][:2]:  # whichever
        path.unlink()
    assert store.find("ab") is None

    store.keep("ab", ONE)

    assert store.find("ab") == ONE
