"""API keys: what is shown once, and what is kept of it.

A key reads `wan_`, twelve hexadecimal digits that name it, `_`, and 256 random bits. As nobody can
guess those, one SHA-256 of the whole is all that needs to be kept: slow hashes are for words that people
choose.
"""

import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from domain.access import Caller, Quota, Scope
from domain.errors import InvalidRequest, Violation

#: Bytes of randomness.
_SECRET_BYTES: Final = 32
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_SECRET: Final = re.compile(r"wan_(?P<name>[0-9a-f]{12})_[A-Za-z0-9_-]{43}")


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKey:
    """What is kept of a key.

    Attributes:
        id: `key_` and the digits that name it; owns what it asks for, for ever.
        name: what the operator calls it; another may have it once this one is revoked.
        sha256: of the whole key, hexadecimal.
    """

    id: str
    name: str
    scope: Scope
    sha256: str
    created_at: datetime
    quota: Quota = field(default_factory=Quota)
    revoked_at: datetime | None = None

    @property
    def caller(self) -> Caller:
        """Whoever holds it."""
        return Caller(client=self.id, scope=self.scope, quota=self.quota)

    def is_opened_by(self, secret: str) -> bool:
        """Whether it may be used, and `secret` is it; takes as long whichever characters differ."""
        digest = hashlib.sha256(secret.encode()).hexdigest()
        return hmac.compare_digest(digest, self.sha256) and self.revoked_at is None


def new_key(name: str, scope: Scope, quota: Quota, *, at: datetime) -> tuple[ApiKey, str]:
    """A key, and its secret, which nobody can find out again.

    Raises:
        InvalidRequest: the name cannot be one.
    """
    if not _NAME.fullmatch(name):
        reason = (
            "must be 1 to 64 letters, digits, dots, dashes or underlines, a letter or digit first"
        )
        raise InvalidRequest([Violation(pointer="/name", reason=reason)])
    digits = secrets.token_hex(6)
    secret = f"wan_{digits}_{secrets.token_urlsafe(_SECRET_BYTES)}"
    key = ApiKey(
        id=f"key_{digits}",
        name=name,
        scope=scope,
        sha256=hashlib.sha256(secret.encode()).hexdigest(),
        created_at=at,
        quota=quota,
    )
    return key, secret


def id_of(secret: str) -> str | None:
    """The id of the key that `secret` says it is; None where it is none at all."""
    read = _SECRET.fullmatch(secret)
    return f"key_{read['name']}" if read else None


def without_secrets(text: str) -> str:
    """`text` with every key in it blacked out, but for the digits that name it."""
    return _SECRET.sub(r"wan_\g<name>_[redacted]", text)
