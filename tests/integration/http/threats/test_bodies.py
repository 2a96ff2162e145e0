"""Row S13: bodies that come slowly."""

import asyncio

from litestar.exceptions import HTTPException
from litestar.types import Receive, Scope, Send

from adapters.http import limits
from adapters.http.exchanges import MarkExchanges
from adapters.http.limits import LimitRequests

PART = {"type": "http.request", "body": b"x", "more_body": True}
LAST = {"type": "http.request", "body": b"x", "more_body": False}


class Reader:
    """An application that reads the whole body, as a route does; refusals are told as they are."""

    def __init__(self, *, answers_first: bool = False) -> None:
        self.read = 0
        self.last: dict[str, object] = {}
        self.refused: HTTPException | None = None
        self._answers_first = answers_first

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._answers_first:
            await send({"type": "http.response.start", "status": 200, "headers": []})
        try:
            while True:
                self.last = dict(await receive())
                self.read += 1
                if not self.last.get("more_body"):
                    return
        except HTTPException as error:
            self.refused = error


async def run(reader: Reader, every_s: float, *, parts: int) -> None:
    """A body of so many parts, one every so many seconds."""
    left = [PART] * (parts - 1) + [LAST]

    async def receive() -> dict[str, object]:
        await asyncio.sleep(every_s)
        return left.pop(0)

    async def send(_message: object) -> None:
        return None

    scope = {"type": "http", "path": "/", "raw_path": b"/", "query_string": b"", "headers": []}
    scope["state"] = {}
    app = MarkExchanges(LimitRequests(reader, body_idle_s=0.1, body_s=0.4))
    await app(scope, receive, send)  # type: ignore[arg-type]


def test_s13_the_limits_are_those_that_are_promised() -> None:
    assert (limits.BODY_IDLE_S, limits.BODY_S) == (60.0, 600.0)


async def test_s13_a_body_that_comes_in_time_is_read() -> None:
    reader = Reader()
    await run(reader, 0.01, parts=5)

    assert (reader.read, reader.refused) == (5, None)


async def test_s13_a_body_that_stops_is_not_waited_for() -> None:
    reader = Reader()
    await run(reader, 30, parts=2)

    assert getattr(reader.refused, "status_code", None) == 408


async def test_s13_nor_is_one_that_drips() -> None:
    reader = Reader()
    await run(reader, 0.05, parts=1000)

    assert getattr(reader.refused, "status_code", None) == 408
    assert 3 <= reader.read <= 9


async def test_s13_whoever_was_answered_already_has_simply_gone() -> None:
    reader = Reader(answers_first=True)
    await run(reader, 30, parts=2)

    assert (reader.refused, reader.last) == (None, {"type": "http.disconnect"})


async def test_s13_once_the_body_is_whole_one_may_listen_for_ever() -> None:
    done = asyncio.Event()

    async def listening(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await receive()
        done.set()

    messages = [LAST, {"type": "http.disconnect"}]

    async def receive() -> dict[str, object]:
        if len(messages) == 1:
            await asyncio.sleep(0.3)
        return messages.pop(0)

    async def send(_message: object) -> None:
        return None

    scope = {"type": "http", "path": "/", "raw_path": b"/", "query_string": b"", "headers": []}
    app = LimitRequests(listening, body_idle_s=0.1, body_s=0.2)
    await app(scope, receive, send)  # type: ignore[arg-type]

    assert done.is_set()
