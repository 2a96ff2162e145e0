"""Every way the library can say no.

Conflict
├── NotDeletable
└── NotRestorable
"""

from domain.errors import Conflict


class NotDeletable(Conflict):
    """Only a generation that is over can be deleted: cancel it first."""

    code = "not-deletable"


class NotRestorable(Conflict):
    """The video is gone for good: it was deleted too long ago."""

    code = "not-restorable"
