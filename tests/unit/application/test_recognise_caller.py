"""Who asks."""

import pytest

from application.manage_keys import ManageKeys
from application.recognise_caller import RecogniseCaller
from domain.access import LOCAL, Quota, Scope
from domain.access_errors import KeyNeeded, UnknownKey
from tests.fakes.clock import FakeClock
from tests.fakes.key_store import FakeKeyStore


@pytest.fixture
def store() -> FakeKeyStore:
    return FakeKeyStore()


@pytest.fixture
def keys(store: FakeKeyStore) -> ManageKeys:
    return ManageKeys(store, FakeClock())


@pytest.fixture
def recognise(store: FakeKeyStore) -> RecogniseCaller:
    return RecogniseCaller(store)


def test_without_keys_everybody_is_the_local_user(recognise: RecogniseCaller) -> None:
    assert recognise.execute(None) == LOCAL
    assert recognise.execute("sk-whatever-an-sdk-insists-on") == LOCAL


def test_from_the_first_key_on_a_key_is_asked_for(
    recognise: RecogniseCaller, keys: ManageKeys
) -> None:
    key, secret = keys.create("ann", Scope.READ, Quota())

    assert recognise.execute(secret) == key.caller
    for wrong in (None, "", "sk-whatever", secret[:-1], key.sha256, secret + "x"):
        with pytest.raises(KeyNeeded):
            recognise.execute(wrong)


def test_that_the_last_key_is_revoked_opens_nothing(
    recognise: RecogniseCaller, keys: ManageKeys
) -> None:
    _, secret = keys.create("ann", Scope.READ, Quota())
    keys.revoke("ann")

    for shown in (None, secret):
        with pytest.raises(KeyNeeded):
            recognise.execute(shown)


def test_that_the_keys_are_gone_opens_nothing_while_the_server_runs(
    recognise: RecogniseCaller, keys: ManageKeys, store: FakeKeyStore
) -> None:
    keys.create("ann", Scope.READ, Quota())
    with pytest.raises(KeyNeeded):
        recognise.execute(None)
    store._keys.clear()

    with pytest.raises(KeyNeeded):
        recognise.execute(None)


def test_where_others_can_reach_it_a_key_is_always_asked_for(store: FakeKeyStore) -> None:
    with pytest.raises(KeyNeeded):
        RecogniseCaller(store, always_asks=True).execute(None)


def test_whoever_came_in_is_welcome_until_the_key_is_revoked(
    recognise: RecogniseCaller, keys: ManageKeys
) -> None:
    local = recognise.execute(None)
    assert recognise.is_welcome(local)
    key, _ = keys.create("ann", Scope.READ, Quota())
    assert not recognise.is_welcome(local)
    assert recognise.is_welcome(key.caller)

    keys.revoke(key.id)
    assert not recognise.is_welcome(key.caller)


def test_a_name_that_is_nearly_right_is_told(keys: ManageKeys) -> None:
    keys.create("studio", Scope.READ, Quota())

    with pytest.raises(UnknownKey, match="Did you mean studio"):
        keys.revoke("studoi")
