"""A create that OpenAI's client sends again, as it had no answer, makes no second job."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import httpx2
import openai
import pytest

from tests.integration.live_server import serving
from tests.integration.pictures import encoded

ASKED: dict[str, Any] = {
    "prompt": "a red circle",
    "size": "32x32",
    "extra_body": {"num_frames": 5, "num_inference_steps": 2},
}


class LosingTransport(httpx2.BaseTransport):
    """Brings every request to the server, and loses as many of the next answers as it is told to."""

    def __init__(self) -> None:
        self._inner = httpx2.HTTPTransport()
        self.to_lose = 0
        self.sent: list[str] = []

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        answer = self._inner.handle_request(request)
        self.sent.append(request.headers["x-stainless-retry-count"])
        if self.to_lose:
            self.to_lose -= 1
            answer.read()
            raise httpx2.ReadError("the answer is lost")
        return answer

    def close(self) -> None:
        self._inner.close()


@pytest.fixture
def transport() -> LosingTransport:
    return LosingTransport()


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with serving(tmp_path_factory.mktemp("server") / "data") as url:
        yield url


@pytest.fixture
def client(
    url: str, transport: LosingTransport, monkeypatch: pytest.MonkeyPatch
) -> Iterator[openai.OpenAI]:
    http_client = openai.DefaultHttpxClient(transport=transport)
    base_url = f"{url}/v1"
    with openai.OpenAI(base_url=base_url, api_key="none", http_client=http_client) as client:
        yield client


def ids(client: openai.OpenAI) -> list[str]:
    return [video.id for video in client.videos.list()]


def test_what_is_sent_again_is_the_same_video(
    client: openai.OpenAI, transport: LosingTransport
) -> None:
    before = ids(client)
    transport.sent.clear()
    transport.to_lose = 1

    video = client.videos.create(**ASKED)

    assert transport.sent == ["0", "1"]
    assert ids(client) == [video.id, *before]


def test_what_is_asked_for_twice_is_two_videos(client: openai.OpenAI) -> None:
    first, second = client.videos.create(**ASKED), client.videos.create(**ASKED)

    assert first.id != second.id


def test_what_is_sent_again_is_the_last_of_its_kind(
    client: openai.OpenAI, transport: LosingTransport
) -> None:
    first = client.videos.create(**ASKED)
    before = ids(client)
    transport.to_lose = 1

    second = client.videos.create(**ASKED)

    assert second.id != first.id
    assert ids(client) == [second.id, *before]


def test_a_file_that_is_sent_again_is_the_same_one(
    client: openai.OpenAI, transport: LosingTransport
) -> None:

    before = ids(client)
    transport.to_lose = 1

    video = client.videos.create(
        **ASKED, model="mini-ti2v", input_reference=("a.png", encoded("PNG", (32, 32)))
    )

    assert ids(client) == [video.id, *before]


def test_a_remix_that_is_sent_again_is_the_same_one(
    client: openai.OpenAI, transport: LosingTransport
) -> None:
    source = client.videos.create(**ASKED)
    before = ids(client)
    transport.to_lose = 1

    remix = client.videos.remix(source.id, prompt="a blue square")

    assert ids(client) == [remix.id, *before]


@pytest.mark.parametrize("named", [{"Idempotency-Key": "its own"}, {}], ids=["key", "count"])
def test_what_is_sent_again_needs_its_source_no_more(
    named: dict[str, str], client: openai.OpenAI
) -> None:
    source = client.videos.create_and_poll(**ASKED, model="mini-ti2v")
    given = {"video": openai.omit, "extra_body": {"video": {"id": source.id}}}
    asks = {
        "remix": partial(client.videos.remix, source.id, prompt="a blue square"),
        "edit": partial(client.videos.edit, prompt="a blue square", **given),
        "extend": partial(client.videos.extend, prompt="a star", seconds="1", **given),
    }
    for name, ask in asks.items():
        key = {header: f"{value}: {name}" for header, value in named.items()}
        asks[name] = partial(ask, extra_headers={**key, "X-Stainless-Retry-Count": "1"})
    first = {name: ask().id for name, ask in asks.items()}
    client.videos.delete(source.id)

    assert {name: ask().id for name, ask in asks.items()} == first
    for ask in asks.values():
        with pytest.raises(openai.NotFoundError):
            ask(extra_headers={"Idempotency-Key": "another"})


def test_what_never_arrived_before_is_a_new_video(client: openai.OpenAI) -> None:
    again = {"X-Stainless-Retry-Count": "1"}
    other = {**ASKED, "prompt": "nobody asked for this before"}

    first = client.videos.create(**other, extra_headers=again)
    second = client.videos.create(**other, extra_headers=again)

    assert first.id == second.id


def test_a_key_of_ones_own_is_kept_to(client: openai.OpenAI) -> None:
    named = {"Idempotency-Key": "mine"}

    first = client.videos.create(**ASKED, extra_headers=named)
    second = client.videos.create(**ASKED, extra_headers=named)

    assert first.id == second.id
    with pytest.raises(openai.UnprocessableEntityError) as refused:
        client.videos.create(**{**ASKED, "prompt": "another"}, extra_headers=named)
    assert refused.value.code == "idempotency_key_reused"


def test_a_server_that_was_started_again_knows_it(tmp_path: Path) -> None:
    """The answer was lost as the server died."""
    again = {"X-Stainless-Retry-Count": "1"}
    made = []
    for headers in ({}, again):
        with (
            serving(tmp_path / "data") as url,
            openai.OpenAI(base_url=f"{url}/v1", api_key="none") as client,
        ):
            made.append(client.videos.create(**ASKED, extra_headers=headers).id)

    assert made[0] == made[1]
