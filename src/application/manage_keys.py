"""Make API keys, and take them back."""

from collections.abc import Sequence

from domain.access import Quota, Scope
from domain.access_errors import UnknownKey
from domain.api_key import ApiKey, new_key
from domain.close_names import closest
from domain.ports.clock import Clock
from domain.ports.key_store import KeyStore


class ManageKeys:
    """Needs no server, and works beside one."""

    def __init__(self, keys: KeyStore, clock: Clock) -> None:
        self._keys = keys
        self._clock = clock

    def create(self, name: str, scope: Scope, quota: Quota) -> tuple[ApiKey, str]:
        """A new key, durable, and its secret, which is nowhere else.

        Raises:
            InvalidRequest: the name cannot be one.
            KeyNameTaken: another key has it.
            StorageError: it cannot be kept.
        """
        key, secret = new_key(name, scope, quota, at=self._clock.now())
        self._keys.add(key)
        return key, secret

    def all(self) -> Sequence[ApiKey]:
        """Every key there ever was, the oldest first."""
        return self._keys.all()

    def revoke(self, name: str) -> ApiKey:
        """The key of that name or id, which opens nothing from now on.

        Raises:
            UnknownKey: there is none; says which names are near.
            StorageError: it cannot be kept.
        """
        try:
            return self._keys.revoke(name, at=self._clock.now())
        except UnknownKey as error:
            names = [key.name for key in self._keys.all() if key.revoked_at is None]
            near = closest(name, names)
            hint = f" Did you mean {near[0]}?" if near else ""
            raise UnknownKey(f"{error.message}{hint}") from error
