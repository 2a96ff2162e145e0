"""Webhooks over HTTP: to the address that was judged, and nowhere else."""

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable, Sequence
from http import HTTPStatus
from typing import Final, TypeAlias

from domain.errors import InvalidRequest
from domain.ports.webhook_sender import WebhookSender
from domain.webhook import WebhookMessage, WebhookRules, WebhookTarget, signed_headers
from domain.webhook_errors import WebhookFailed, WebhookRefused

#: Seconds for all of it: resolving, connecting, sending, and the head of the answer.
TIMEOUT_S: Final = 10.0

#: The addresses of a host name.
Resolve: TypeAlias = Callable[[str, int], Awaitable[Sequence[str]]]


class HttpWebhookSender(WebhookSender):
    """A name is resolved once, every address of it is judged, and the first is connected to.

    Redirects are not followed, proxies of the environment not used, and of the answer only its status is
    read: a receiver can neither lead us elsewhere nor fill our memory.
    """

    def __init__(self, rules: WebhookRules, secret: bytes, resolve: Resolve | None = None) -> None:
        self._rules = rules
        self._secret = secret
        self._resolve = resolve or _resolved
        self._context: ssl.SSLContext | None = None

    async def send(self, url: str, message: WebhookMessage, *, timestamp: int) -> None:
        try:
            target = self._rules.target(url)
        except InvalidRequest as error:  # accepted once, under other settings
            raise WebhookRefused(error.message) from error
        headers = signed_headers(message, self._secret, timestamp=timestamp)
        try:
            async with asyncio.timeout(TIMEOUT_S):
                address = await self._address(target)
                status = await self._post(target, address, dict(headers), message.body)
        except TimeoutError as error:
            raise WebhookFailed(f"{target.host} did not answer within {TIMEOUT_S:g} s.") from error
        if status == HTTPStatus.GONE:
            raise WebhookRefused(f"{target.host} answered 410: it wants no more of these.")
        if not HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
            raise WebhookFailed(f"{target.host} answered {status}.")

    async def _address(self, target: WebhookTarget) -> str:
        try:
            addresses = await self._resolve(target.host.strip("[]"), target.port)
        except (OSError, UnicodeError) as error:  # the latter: no name that DNS could have
            raise WebhookFailed(f"{target.host} cannot be resolved.") from error
        if not addresses or not all(
            self._rules.may_connect(target.host, address) for address in addresses
        ):
            # Not told which: that would answer questions about the network that nobody may ask.
            raise WebhookRefused(
                f"{target.host} is not on the Internet; the operator allows others in "
                "webhooks.private_hosts."
            )
        return addresses[0]

    async def _post(
        self, target: WebhookTarget, address: str, headers: dict[str, str], body: bytes
    ) -> int:
        """The status of the answer."""
        self._context = self._context or _trusted()
        # Imported only here: it takes a while, and most servers send none.
        import httpx

        host = f"[{address}]" if ":" in address else address
        url = httpx.URL(
            scheme=target.scheme, host=host, port=target.port, raw_path=target.target.encode()
        )
        headers |= {
            "Host": target.authority,
            "Content-Type": "application/json",
            "User-Agent": "wan-studio",
        }
        try:
            async with (
                httpx.AsyncClient(
                    verify=self._context,
                    timeout=TIMEOUT_S,
                    follow_redirects=False,
                    trust_env=False,
                ) as client,
                client.stream(
                    "POST",
                    url,
                    content=body,
                    headers=headers,
                    # The certificate is the name's, not the address's.
                    extensions={"sni_hostname": target.host.strip("[]")},
                ) as answer,
            ):
                return answer.status_code
        except httpx.HTTPError as error:
            raise WebhookFailed(f"{target.host}: {type(error).__name__}.") from error


def _trusted() -> ssl.SSLContext:
    """Whom a browser trusts and, beside them, whom this machine does (`SSL_CERT_FILE`, too)."""
    import httpx

    context = httpx.create_ssl_context(trust_env=False)
    context.load_default_certs()
    return context


async def _resolved(host: str, port: int) -> Sequence[str]:
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(entry[4][0]) for entry in found]
