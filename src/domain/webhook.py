"""Who is told when a generation is over, where that may be, what is said, and how often it is tried.

Messages are signed as Standard Webhooks demands (https://www.standardwebhooks.com, its specification
of 2023): `webhook-id`, `webhook-timestamp`, `webhook-signature`. ADR-0042.
"""

import base64
import hashlib
import hmac
import ipaddress
import json
import re
import secrets
from binascii import Error as NotBase64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

from domain.errors import InvalidRequest, Violation
from domain.job import Job

#: In `webhooks.allow`: any host.
ANY_HOST: Final = "*"
MAX_URL_CHARACTERS: Final = 2000
#: Seconds from one try to the next; after the last of them it is given up. Source: the specification's
#: own example of a schedule, 5 s to 24 h.
PAUSES_S: Final = (5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400)
_SPELT_AS: Final = "whsec_"
#: Bytes of a secret, by the specification.
_SECRET_BYTES: Final = range(24, 65)
#: Of a host name.
_LABEL: Final = "[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
#: Nothing but this is a URL here, and nobody else reads one: what two parsers read differently
#: (backslashes, user names, control characters, fragments) is in neither.
_URL: Final = re.compile(
    r"(?P<scheme>https?)://"
    rf"(?P<host>(?=[a-z0-9.-]{{1,253}}(?![a-z0-9.-])){_LABEL}(?:\.{_LABEL})*|\[[0-9a-f:.]{{2,45}}\])"
    r"(?::(?P<port>[0-9]{1,5}))?"
    r"(?P<path>/[A-Za-z0-9/._~!$&'()*+,;=:@%-]*)?"
    r"(?P<query>\?[A-Za-z0-9/._~!$&'()*+,;=:@%?-]*)?"
)
_PORTS: Final = {"https": 443, "http": 80}
Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address
#: What is given out to networks of the Internet. Outside are loopback, link-local, unique local, mapped
#: and translated addresses (::ffff:0:0/96, 64:ff9b::/96). RFC 4291.
_IPV6_GLOBAL: Final = ipaddress.IPv6Network("2000::/3")
#: Within it: Teredo and other special uses, 6to4 (holds an IPv4 address), documentation.
_IPV6_SPECIAL: Final = tuple(
    map(ipaddress.IPv6Network, ("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20"))
)
#: Special uses that Python's `is_global` lets through in part: RFC 6890, RFC 7526.
_IPV4_SPECIAL: Final = tuple(map(ipaddress.IPv4Network, ("192.0.0.0/24", "192.88.99.0/24")))


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookTarget:
    """A URL, taken apart once. `target`: path and query, as they are sent."""

    scheme: str
    host: str
    port: int
    target: str

    @property
    def authority(self) -> str:
        """As the `Host` header spells it."""
        standard = _PORTS[self.scheme] == self.port
        return self.host if standard else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookMessage:
    """What is sent. `id`: the same for every try, so that a receiver can tell a second one."""

    id: str
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookRules:
    """Where webhooks may lead.

    Attributes:
        allow: hosts that whoever asks for a generation may name, exactly, or `ANY_HOST`; none by default.
        private_hosts: hosts that may be at private addresses, and may be told without TLS.
    """

    allow: tuple[str, ...] = ()
    private_hosts: tuple[str, ...] = ()

    def check(self, url: str) -> None:
        """Refuse a URL that whoever asks may not name.

        Raises:
            InvalidRequest: it is none, or leads where it may not.
        """
        if not self.allow:
            raise _refused("is not accepted here: the operator allows no webhooks (webhooks.allow)")
        host = self.target(url).host
        if host not in self.allow and ANY_HOST not in self.allow:
            raise _refused("names a host that the operator does not allow (webhooks.allow)")

    def target(self, url: str) -> WebhookTarget:
        """The URL in its parts.

        Raises:
            InvalidRequest: it is none that is used here.
        """
        read = _URL.fullmatch(url) if len(url) <= MAX_URL_CHARACTERS else None
        if read is None:
            raise _refused(
                "must be a plain URL such as https://example.com/hook: a host in small letters, no user "
                f"name, no fragment, and at most {MAX_URL_CHARACTERS} characters"
            )
        scheme, host = read["scheme"], read["host"]
        if scheme != "https" and host not in self.private_hosts:
            raise _refused("must begin with https://")
        port = int(read["port"] or _PORTS[scheme])
        if not 1 <= port <= 65535:
            raise _refused("must have a port of 1 to 65535")
        target = (read["path"] or "/") + (read["query"] or "")
        return WebhookTarget(scheme=scheme, host=host, port=port, target=target)

    def may_connect(self, host: str, address: str) -> bool:
        """Whether `host` may be at that IP address."""
        if host in self.private_hosts:
            return True
        try:
            return is_public(ipaddress.ip_address(address))
        except ValueError:  # with a scope, as link-local ones have
            return False


def is_public(address: Address) -> bool:
    """Whether it belongs to somebody on the Internet, and is nothing that leads elsewhere."""
    if isinstance(address, ipaddress.IPv4Address):
        is_special = any(address in network for network in _IPV4_SPECIAL)
        return address.is_global and not address.is_multicast and not is_special
    is_special = any(address in network for network in _IPV6_SPECIAL)
    return address in _IPV6_GLOBAL and address.is_global and not is_special


def secret_bytes(secret: str) -> bytes:
    """The secret that `whsec_…` spells.

    Raises:
        ValueError: it is none; says what one is.
    """
    try:
        spelt = base64.b64decode(secret.removeprefix(_SPELT_AS), validate=True)
    except NotBase64:
        spelt = b""
    if not secret.startswith(_SPELT_AS) or len(spelt) not in _SECRET_BYTES:
        raise ValueError(
            f"must be {_SPELT_AS} and the base64 of {_SECRET_BYTES[0]} to {_SECRET_BYTES[-1]} random "
            'bytes, such as `echo "whsec_$(openssl rand -base64 32)"` makes'
        )
    return spelt


def signed_headers(message: WebhookMessage, secret: bytes, *, timestamp: int) -> Mapping[str, str]:
    """What tells the receiver that the message is ours, and new. `timestamp`: Unix seconds of this try."""
    signed = b".".join((message.id.encode(), str(timestamp).encode(), message.body))
    signature = base64.b64encode(hmac.digest(secret, signed, hashlib.sha256)).decode()
    return {
        "webhook-id": message.id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": f"v1,{signature}",
    }


def new_message_id() -> str:
    """A random 128-bit id."""
    return f"msg_{secrets.token_hex(16)}"


def message_of(job: Job, *, message_id: str) -> WebhookMessage:
    """What is told of a job that is over: that it is, and where to ask for more. Never a prompt."""
    assert job.finished_at is not None, "told once it is over"
    error = {"code": job.failure.code, "retryable": job.failure.retryable} if job.failure else None
    told = {
        "type": f"generation.{job.status}",
        "timestamp": job.finished_at.isoformat(),
        "data": {
            "id": job.id,
            "status": job.status,
            "error": error,
            "created_at": job.created_at.isoformat(),
            "finished_at": job.finished_at.isoformat(),
        },
    }
    return WebhookMessage(id=message_id, body=json.dumps(told, separators=(",", ":")).encode())


def _refused(reason: str) -> InvalidRequest:
    return InvalidRequest([Violation(pointer="/webhook_url", reason=reason)])
