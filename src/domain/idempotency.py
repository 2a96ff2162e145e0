"""The mark by which a request that is sent again is known to be the same one."""

import hashlib
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

#: Characters, from 1.
MAX_KEY_CHARACTERS: Final = 255
#: How long a key is remembered, in days: longer than a job may wait in line.
KEY_LIFETIME_DAYS: Final = 7
#: How long one is that nobody chose: a client that gave up an answer after its usual ten minutes has asked
#: again by then.
UNCHOSEN_KEY_LIFETIME: Final = timedelta(minutes=15)


@dataclass(frozen=True, slots=True, kw_only=True)
class IdempotencyKey:
    """A client's own name for one request.

    Attributes:
        fingerprint: of what was asked, so that a key is not taken for another request.
        begins_anew: whether what it stood for before is forgotten: the request is no repetition.
        lifetime: for how long after a request it can be repeated.
    """

    client: str
    key: str
    fingerprint: str
    begins_anew: bool = False
    lifetime: timedelta = timedelta(days=KEY_LIFETIME_DAYS)

    @classmethod
    def of(cls, client: str, key: str, asked: bytes) -> "IdempotencyKey":
        """The key of a request whose meaning is spelt by `asked`."""
        return cls(client=client, key=key, fingerprint=hashlib.sha256(asked).hexdigest())

    @classmethod
    def unchosen(cls, client: str, asked: bytes, *, is_repeated: bool) -> "IdempotencyKey":
        """The key of a request that says of itself whether it is sent again, and bears no name.

        What was asked is its name: a client may ask for the same twice, and repeats the last of them.
        """
        fingerprint = hashlib.sha256(asked).hexdigest()
        return cls(
            client=client,
            key=f"unchosen {fingerprint}",
            fingerprint=fingerprint,
            begins_anew=not is_repeated,
            lifetime=UNCHOSEN_KEY_LIFETIME,
        )
