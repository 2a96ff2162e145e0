"""Keys: what is shown, what is kept, and what opens."""

import re
from dataclasses import replace

import pytest

from domain.access import Quota, Scope
from domain.api_key import id_of, new_key, without_secrets
from domain.errors import InvalidRequest
from tests.fakes.examples import NOON


def test_the_secret_is_in_nothing_that_is_kept() -> None:
    key, secret = new_key("ci", Scope.READ, Quota(waiting=3), at=NOON)

    assert re.fullmatch(r"wan_[0-9a-f]{12}_[A-Za-z0-9_-]{43}", secret)
    assert secret[17:] not in repr(key)
    assert (key.name, key.scope, key.created_at, key.quota.waiting) == ("ci", "read", NOON, 3)
    assert id_of(secret) == key.id


def test_no_two_are_alike() -> None:
    secrets = {new_key("ci", Scope.READ, Quota(), at=NOON)[1] for _ in range(100)}

    assert len({secret[17:] for secret in secrets}) == len({s[:16] for s in secrets}) == 100


def test_it_is_opened_by_its_own_secret_alone_and_never_once_revoked() -> None:
    key, secret = new_key("ci", Scope.READ, Quota(), at=NOON)
    _, other = new_key("ci", Scope.READ, Quota(), at=NOON)

    assert key.is_opened_by(secret)
    assert not key.is_opened_by(secret[:17] + other[17:])
    assert not key.is_opened_by(secret[:-1])
    assert not key.is_opened_by(key.sha256)
    assert not replace(key, revoked_at=NOON).is_opened_by(secret)


def test_its_holder_owns_what_it_asks_for_under_its_id() -> None:
    key, _ = new_key("ci", Scope.ADMIN, Quota(), at=NOON)

    assert (key.caller.client, key.caller.scope) == (key.id, Scope.ADMIN)
    assert not key.caller.is_local


@pytest.mark.parametrize(
    "secret", ["", "wan_", "sk-123", "wan_0123456789ab_short", "wan_" + "x" * 56]
)
def test_what_is_no_key_has_no_id(secret: str) -> None:
    assert id_of(secret) is None


@pytest.mark.parametrize("name", ["", "-x", "a b", "a/b", "é", "x" * 65, "a\n"])
def test_a_name_is_plain(name: str) -> None:
    with pytest.raises(InvalidRequest):
        new_key(name, Scope.READ, Quota(), at=NOON)


def test_secrets_are_blacked_out_wherever_they_stand() -> None:
    _, secret = new_key("ci", Scope.READ, Quota(), at=NOON)

    told = without_secrets(f"Authorization: Bearer {secret}, and {secret}.")

    assert secret[17:] not in told
    assert told.count("[redacted]") == 2
    assert without_secrets("wan_ is no key") == "wan_ is no key"
