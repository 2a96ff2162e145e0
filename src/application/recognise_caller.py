"""Find out who asks."""

from domain.access import LOCAL, Caller
from domain.access_errors import KeyNeeded
from domain.api_key import id_of
from domain.ports.key_store import KeyStore


class RecogniseCaller:
    """Without keys everybody is the local user; from the first key on, a key is asked for.

    That the last key is revoked opens nothing, and neither does a file of keys that goes away: what was
    closed stays so until the server is started again.
    """

    def __init__(self, keys: KeyStore, *, always_asks: bool = False) -> None:
        """`always_asks`: also where there are no keys, as on an address that others can reach."""
        self._keys = keys
        self._asks = always_asks

    def execute(self, secret: str | None) -> Caller:
        """Whoever holds `secret`, or the local user.

        Raises:
            KeyNeeded: it is missing, or no key that may be used.
            KeysUnreadable: nobody knows.
        """
        keys = self._keys.all()
        self._asks = self._asks or bool(keys)
        if not self._asks:
            return LOCAL
        if secret is None:
            raise KeyNeeded
        named = id_of(secret)
        for key in keys:
            if key.id == named and key.is_opened_by(secret):
                return key.caller
        raise KeyNeeded("This API key is not known, or was revoked.")

    def is_welcome(self, caller: Caller) -> bool:
        """Whether somebody who was recognised before still would be.

        Raises:
            KeysUnreadable: nobody knows.
        """
        keys = self._keys.all()
        if caller.is_local:
            return not self._asks and not keys
        return any(key.id == caller.client and key.revoked_at is None for key in keys)
