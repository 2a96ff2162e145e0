"""API keys in memory."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from domain.access_errors import KeyNameTaken, UnknownKey
from domain.api_key import ApiKey
from domain.ports.key_store import KeyStore


class FakeKeyStore(KeyStore):
    """A list."""

    def __init__(self) -> None:
        self._keys: list[ApiKey] = []

    def all(self) -> Sequence[ApiKey]:
        return tuple(self._keys)

    def add(self, key: ApiKey) -> None:
        if any(key.name == other.name and other.revoked_at is None for other in self._keys):
            raise KeyNameTaken
        self._keys.append(key)

    def revoke(self, name: str, *, at: datetime) -> ApiKey:
        for place, key in enumerate(self._keys):
            if key.revoked_at is None and name in {key.name, key.id}:
                self._keys[place] = replace(key, revoked_at=at)
                return self._keys[place]
        raise UnknownKey
