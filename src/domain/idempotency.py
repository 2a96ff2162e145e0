"""The mark by which a request that is sent again is known to be the same one."""

import hashlib
from dataclasses import dataclass
from typing import Final

#: Characters, from 1.
MAX_KEY_CHARACTERS: Final = 255
#: How long a key is remembered, in days: longer than a job may wait in line.
KEY_LIFETIME_DAYS: Final = 7


@dataclass(frozen=True, slots=True, kw_only=True)
class IdempotencyKey:
    """A client's own name for one request.

    Attributes:
        fingerprint: of what was asked, so that a key is not taken for another request.
    """

    client: str
    key: str
    fingerprint: str

    @classmethod
    def of(cls, client: str, key: str, asked: bytes) -> "IdempotencyKey":
        """The key of a request whose meaning is spelt by `asked`."""
        return cls(client=client, key=key, fingerprint=hashlib.sha256(asked).hexdigest())
