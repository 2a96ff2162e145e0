"""Every way to be kept out, or told to wait; `domain.errors` has the rest, and the rules.

DomainError
├── KeyNeeded                   no API key, or one that is not known
├── ScopeMissing                a known key that may not do this
├── LimitReached                wait, and ask again
│   ├── QueueFull               for everybody
│   ├── ShareUsedUp             the key's own share of the line
│   ├── TooManyRequests
│   └── TooManyStreams
├── NotFound
│   └── UnknownKey
├── Conflict
│   └── KeyNameTaken
└── StorageError
    └── KeysUnreadable
"""

from typing import ClassVar

from domain.errors import Conflict, DomainError, NotFound, StorageError


class KeyNeeded(DomainError):
    """This server asks for an API key: send it as `Authorization: Bearer KEY`."""

    code = "key-needed"


class ScopeMissing(DomainError):
    """This key may not do that."""

    code = "scope-missing"


class LimitReached(DomainError):
    """Too much at once: wait, and ask again."""

    code = "limit-reached"
    retryable = True
    #: Seconds to wait where nothing says it better: some job will have ended, or some stream.
    WAIT_S: ClassVar[int] = 30

    def __init__(self, message: str | None = None, *, wait_s: int = WAIT_S) -> None:
        super().__init__(message)
        self.wait_s = wait_s


class QueueFull(LimitReached):
    """The line is full: ask again when some of it is done."""

    code = "queue-full"


class ShareUsedUp(LimitReached):
    """This key has as much in line as it may: ask again when some of it is done."""

    code = "share-used-up"


class TooManyRequests(LimitReached):
    """Too many requests: wait, and ask again."""

    code = "too-many-requests"


class TooManyStreams(LimitReached):
    """Too many event streams are open: close some, or ask for the state instead."""

    code = "too-many-streams"


class UnknownKey(NotFound):
    """No API key has that name."""

    code = "unknown-key"


class KeyNameTaken(Conflict):
    """An API key has that name already: choose another, or revoke it first."""

    code = "key-name-taken"


class KeysUnreadable(StorageError):
    """The file of API keys cannot be read."""

    code = "keys-unreadable"
    retryable = False
