"""The contract of `WebhookSender`; and that of the real one no connection leaves for where it may not."""

import asyncio
import base64
import hashlib
import hmac
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest

from adapters.webhooks.sender import HttpWebhookSender
from domain.webhook import ANY_HOST, WebhookMessage, WebhookRules
from domain.webhook_errors import WebhookFailed, WebhookRefused
from tests.fakes.webhook_sender import FakeWebhookSender

SECRET = b"s" * 32
MESSAGE = WebhookMessage(id="msg_1", body=b'{"type":"generation.completed"}')
HOST = "localhost"


class Sink:
    """Logs whoever connects, and answers as it is told."""

    def __init__(self) -> None:
        self.port = 0
        self.connections = 0
        self.requests: list[bytes] = []
        self.answer = b"HTTP/1.1 204 No Content\r\n\r\n"

    async def take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
            self.requests.append(head + await reader.readexactly(length))
            if not self.answer:
                await asyncio.sleep(1)
            writer.write(self.answer)
            await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        finally:
            writer.close()


@asynccontextmanager
async def listening() -> AsyncIterator[Sink]:
    sink = Sink()
    server = await asyncio.start_server(sink.take, "127.0.0.1", 0)
    sink.port = server.sockets[0].getsockname()[1]
    async with server:
        yield sink


@pytest.fixture
async def sink() -> AsyncIterator[Sink]:
    async with listening() as sink:
        yield sink


async def at_home(_host: str, _port: int) -> Sequence[str]:
    return ["127.0.0.1"]


def sender(*, private: Sequence[str] = (HOST,)) -> HttpWebhookSender:
    rules = WebhookRules(allow=(ANY_HOST,), private_hosts=tuple(private))
    return HttpWebhookSender(rules, SECRET, at_home)


async def send(sender: HttpWebhookSender, url: str) -> None:
    await sender.send(url, MESSAGE, timestamp=1614265330)


async def test_the_fake_takes_what_it_is_not_told_to_refuse() -> None:
    fake = FakeWebhookSender()
    fake.refusals = [WebhookFailed()]

    with pytest.raises(WebhookFailed):
        await fake.send("https://a.example/", MESSAGE, timestamp=1)
    await fake.send("https://a.example/", MESSAGE, timestamp=2)

    assert fake.sent == [("https://a.example/", MESSAGE, 2)]


async def test_a_message_arrives_signed_under_the_name_of_its_host(sink: Sink) -> None:
    await send(sender(), f"http://{HOST}:{sink.port}/done?for=me")

    [request] = sink.requests
    head, _, body = request.partition(b"\r\n\r\n")
    assert head.startswith(b"POST /done?for=me HTTP/1.1\r\n")
    assert f"Host: {HOST}:{sink.port}".encode() in head
    assert body == MESSAGE.body
    signed = b"msg_1.1614265330." + body
    signature = base64.b64encode(hmac.digest(SECRET, signed, hashlib.sha256))
    assert b"webhook-signature: v1," + signature in head


@pytest.mark.parametrize("status", [b"500 No", b"404 No", b"429 No", b"302 Found"])
async def test_what_is_not_taken_may_be_another_time(sink: Sink, status: bytes) -> None:
    sink.answer = b"HTTP/1.1 " + status + b"\r\nContent-Length: 0\r\n\r\n"

    with pytest.raises(WebhookFailed) as failed:
        await send(sender(), f"http://{HOST}:{sink.port}/")

    assert failed.value.retryable


async def test_who_is_gone_never_wants_it_again(sink: Sink) -> None:
    sink.answer = b"HTTP/1.1 410 Gone\r\nContent-Length: 0\r\n\r\n"

    with pytest.raises(WebhookRefused):
        await send(sender(), f"http://{HOST}:{sink.port}/")


async def test_who_does_not_listen_or_speaks_no_http_may_another_time(sink: Sink) -> None:
    sink.answer = b"SSH-2.0-OpenSSH\r\n"

    with pytest.raises(WebhookFailed):
        await send(sender(), f"http://{HOST}:{sink.port}/")
    with pytest.raises(WebhookFailed):
        await send(sender(), f"http://{HOST}:1/")


async def test_a_receiver_that_never_ends_is_left(sink: Sink) -> None:
    # Only the head of its answer is read: were it all, this would fill the memory or never end.
    sink.answer = b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n" + b"x" * 4096

    await send(sender(), f"http://{HOST}:{sink.port}/")


async def test_a_receiver_that_says_nothing_is_left(
    sink: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("adapters.webhooks.sender.TIMEOUT_S", 0.2)
    sink.answer = b""

    with pytest.raises(WebhookFailed, match="did not answer within"):
        await send(sender(), f"http://{HOST}:{sink.port}/")


async def test_s08_a_redirect_is_not_followed(sink: Sink) -> None:
    async with listening() as metadata:
        where = f"http://127.0.0.1:{metadata.port}/latest/meta-data".encode()
        sink.answer = b"HTTP/1.1 307 No\r\nLocation: " + where + b"\r\nContent-Length: 0\r\n\r\n"

        with pytest.raises(WebhookFailed, match="307"):
            await send(sender(), f"http://{HOST}:{sink.port}/")

        assert metadata.connections == 0


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "2130706433",
        "0x7f000001",
        "0x7f.1",
        "0177.0.0.1",
        "127.1",
        "0",
        "0.0.0.0",
        "[::1]",
        "[::]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[64:ff9b::7f00:1]",
        "169.254.169.254",
        "localhost",
        "hooks.example\\@127.0.0.1",
        "hooks.example@127.0.0.1",
        "127.0.0.1#hooks.example",
        "127.0.0.1\\hooks.example",
        "127.0.0.1%00.hooks.example",
        "①②⑦.0.0.1",
        "127。0。0。1",
    ],
)
async def test_s08_however_a_private_address_is_spelt_no_connection_leaves(
    sink: Sink, host: str
) -> None:
    # With the system's own resolver, which reads all of these.
    own = HttpWebhookSender(WebhookRules(allow=(ANY_HOST,)), SECRET)

    for scheme in ("https", "http"):
        with pytest.raises(WebhookFailed):
            await send(own, f"{scheme}://{host}:{sink.port}/")

    assert sink.connections == 0


async def test_s08_a_name_that_is_also_private_is_not_connected_to(sink: Sink) -> None:
    async def both(_host: str, _port: int) -> Sequence[str]:
        return ["8.8.8.8", "127.0.0.1"]

    own = HttpWebhookSender(WebhookRules(allow=(ANY_HOST,)), SECRET, both)

    with pytest.raises(WebhookRefused) as refused:
        await send(own, f"https://hooks.example:{sink.port}/")

    assert "127.0.0.1" not in refused.value.message, "nobody learns what is where"
    assert sink.connections == 0


@pytest.mark.parametrize("error", [OSError("no such name"), UnicodeError("label too long")])
async def test_a_name_that_cannot_be_resolved_may_be_another_time(error: Exception) -> None:
    async def nowhere(_host: str, _port: int) -> Sequence[str]:
        raise error

    with pytest.raises(WebhookFailed, match="cannot be resolved"):
        await send(HttpWebhookSender(WebhookRules(), SECRET, nowhere), "https://hooks.example/")


async def test_s08_a_resolver_that_changes_its_mind_is_asked_once(
    sink: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    connected: list[str] = []

    async def rebinding(host: str, _port: int) -> Sequence[str]:
        asked.append(host)
        return ["203.0.114.7" if len(asked) == 1 else "127.0.0.1"]

    async def note(_self: object, _target: object, address: str, *_: object) -> int:
        connected.append(address)
        return 204

    monkeypatch.setattr("adapters.webhooks.sender.HttpWebhookSender._post", note)
    own = HttpWebhookSender(WebhookRules(allow=(ANY_HOST,)), SECRET, rebinding)

    await send(own, f"https://hooks.example:{sink.port}/")

    assert (asked, connected) == (["hooks.example"], ["203.0.114.7"])


async def test_s08_proxies_of_the_environment_are_not_used(
    sink: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with listening() as proxy:
        monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{proxy.port}")
        monkeypatch.setenv("ALL_PROXY", f"http://127.0.0.1:{proxy.port}")

        await send(sender(), f"http://{HOST}:{sink.port}/")

        assert (sink.connections, proxy.connections) == (1, 0)


async def test_what_was_accepted_under_other_settings_is_judged_anew(sink: Sink) -> None:
    with pytest.raises(WebhookRefused, match="https"):
        await send(sender(private=()), f"http://{HOST}:{sink.port}/")

    assert sink.connections == 0
