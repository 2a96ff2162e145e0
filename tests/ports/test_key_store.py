"""What every KeyStore does."""

from collections.abc import Callable
from pathlib import Path

import pytest

from adapters.filesystem.key_store import FilesystemKeyStore
from domain.access import Quota, Scope
from domain.access_errors import KeyNameTaken, UnknownKey
from domain.api_key import ApiKey, new_key
from domain.ports.key_store import KeyStore
from tests.fakes.examples import NOON
from tests.fakes.key_store import FakeKeyStore


@pytest.fixture(params=["filesystem", "fake"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> KeyStore:
    make: dict[str, Callable[[], KeyStore]] = {
        "filesystem": lambda: FilesystemKeyStore(tmp_path / "keys.json"),
        "fake": FakeKeyStore,
    }
    return make[request.param]()


def a_key(name: str = "ann", quota: Quota | None = None) -> ApiKey:
    return new_key(name, Scope.GENERATE, quota or Quota(), at=NOON)[0]


def test_there_are_none_at_first(store: KeyStore) -> None:
    assert store.all() == ()


def test_what_is_kept_is_found_whole_the_oldest_first(store: KeyStore) -> None:
    ann, bob = a_key("ann", Quota(waiting=1, job_cost=10**12)), a_key("bob")
    store.add(ann)
    store.add(bob)

    assert list(store.all()) == [ann, bob]


@pytest.mark.parametrize("by", ["name", "id"])
def test_a_revoked_key_stays_and_says_so(store: KeyStore, by: str) -> None:
    key = a_key()
    store.add(key)

    revoked = store.revoke(getattr(key, by), at=NOON)

    assert revoked.revoked_at == NOON
    assert list(store.all()) == [revoked]
    with pytest.raises(UnknownKey):
        store.revoke(key.name, at=NOON)


def test_two_keys_have_two_names_unless_one_is_revoked(store: KeyStore) -> None:
    store.add(a_key())
    with pytest.raises(KeyNameTaken):
        store.add(a_key())
    store.revoke("ann", at=NOON)

    store.add(a_key())

    assert len(store.all()) == 2
    assert store.revoke("ann", at=NOON).id == store.all()[1].id


def test_an_unknown_key_is_not_revoked(store: KeyStore) -> None:
    with pytest.raises(UnknownKey):
        store.revoke("nobody", at=NOON)
