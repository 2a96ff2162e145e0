"""Who comes in, how often, and with how many streams; it remembers for as long as the server runs.

By the key that is shown, else by the socket's peer: what a client says of addresses is never read.
"""

import ipaddress
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Final

from application.recognise_caller import RecogniseCaller
from domain.access import Caller
from domain.access_errors import KeyNeeded, TooManyRequests, TooManyStreams
from domain.ports.clock import Clock
from domain.rates import Buckets, Standing

#: Keys that are wrong or missing, a minute and peer; beyond, the answer is 429. A right key is always let
#: in: behind a proxy all come from one address. reliability.md §5.
FAILURES_PER_MINUTE: Final = 10
_BEARER: Final = "bearer "
#: An IPv6 subscriber has at least so many bits of addresses to come from.
_IPV6_PREFIX: Final = 64


class Doorkeeper:
    """Lives on the event loop: not safe to call from other threads."""

    def __init__(self, recognise: RecogniseCaller, clock: Clock, *, max_streams: int) -> None:
        """`max_streams`: event streams open at once, everybody's."""
        self._recognise = recognise
        self._clock = clock
        self._max_streams = max_streams
        self._failures = Buckets()
        self._asked = Buckets()
        self._streams: Counter[str] = Counter()

    def recognise(self, authorization: list[str], peer: str) -> Caller:
        """Who asks, by the values of the `Authorization` header.

        Raises:
            KeyNeeded: no key, or a wrong one.
            TooManyRequests: too many of those from that peer.
        """
        try:
            return self._recognise.execute(_secret(authorization))
        except KeyNeeded:
            standing = self._failures.ask(
                _network(peer),
                per_minute=FAILURES_PER_MINUTE,
                burst=1,
                now=self._clock.monotonic(),
            )
            if standing.is_allowed:
                raise
            raise TooManyRequests(
                "Too many requests without a key that is known: wait, or send one that is.",
                wait_s=standing.wait_s,
            ) from None

    def is_welcome(self, caller: Caller) -> bool:
        """Whether somebody who was let in may stay."""
        return self._recognise.is_welcome(caller)

    def count(self, caller: Caller, *, is_submission: bool) -> Mapping[str, str]:
        """Count a request. Returns the headers that tell how many more there may be.

        The local user is not counted.

        Raises:
            TooManyRequests: that was one too many.
        """
        if caller.quota is None:
            return {}
        quota = caller.quota
        kind = "submissions" if is_submission else "requests"
        standing = self._asked.ask(
            f"{kind} {caller.client}",
            per_minute=quota.submissions_per_minute if is_submission else quota.requests_per_minute,
            now=self._clock.monotonic(),
        )
        if not standing.is_allowed:
            raise TooManyRequests(
                f"This key has sent too many {kind}: wait {standing.wait_s} s.",
                wait_s=standing.wait_s,
            )
        return _headers(standing)

    @contextmanager
    def stream(self, caller: Caller) -> Iterator[None]:
        """Hold one of the streams that may be open.

        Raises:
            TooManyStreams: all of the caller's, or everybody's, are held.
        """
        own = caller.quota.streams if caller.quota else self._max_streams
        if self._streams[caller.client] >= own or self._streams.total() >= self._max_streams:
            raise TooManyStreams
        self._streams[caller.client] += 1
        try:
            yield
        finally:
            self._streams[caller.client] -= 1
            if not self._streams[caller.client]:
                del self._streams[caller.client]


def _secret(authorization: list[str]) -> str | None:
    if len(authorization) != 1 or not authorization[0].lower().startswith(_BEARER):
        return None
    return authorization[0][len(_BEARER) :].strip()


def _network(peer: str) -> str:
    """Whom an address stands for."""
    try:
        address = ipaddress.ip_address(peer)
    except ValueError:
        return peer
    if isinstance(address, ipaddress.IPv4Address):
        return peer
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(ipaddress.ip_network((address, _IPV6_PREFIX), strict=False))


def _headers(standing: Standing) -> Mapping[str, str]:
    return {
        "RateLimit-Limit": str(standing.limit),
        "RateLimit-Remaining": str(standing.remaining),
        "RateLimit-Reset": str(standing.full_s),
    }
