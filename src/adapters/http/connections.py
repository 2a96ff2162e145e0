"""Connections, below HTTP: a head that comes too slowly, is too long or is none ends one.

uvicorn waits for a head for ever, and tells every fault in it as a plain 400.
"""

import asyncio
from http import HTTPStatus
from typing import Any, Final, cast

import h11
import msgspec
from uvicorn.protocols.http.h11_impl import H11Protocol

from adapters.http.exchanges import SECURITY_HEADERS, new_request_id
from adapters.http.limits import MAX_HEAD_BYTES
from adapters.http.problems import CODE_OF_STATUS, MEDIA_TYPE, problem

#: Seconds for a whole head, and for the rest of a body that was refused unread. reliability.md §5.
PATIENCE_S: Final = 10.0
#: Seconds in which a client must take some of what waits for it; a player may rest for a while.
READER_PATIENCE_S: Final = 300.0
_DETAILS: Final = {
    HTTPStatus.REQUEST_TIMEOUT: "The request came too slowly: send it again.",
    HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE: (
        f"The headers are too long; at most {MAX_HEAD_BYTES} bytes are read."
    ),
}


class PatientProtocol(H11Protocol):
    """uvicorn's own, with a limit to its patience and words for what it refuses."""

    patience_s = PATIENCE_S
    reader_patience_s = READER_PATIENCE_S

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.conn = _Connection(h11.SERVER, MAX_HEAD_BYTES)
        self._patience: asyncio.TimerHandle | None = None
        self._reader_patience: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # uvicorn's own
        super().connection_made(transport)
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        self._relax()
        self._forgive_reader()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._watch()

    def pause_writing(self) -> None:
        super().pause_writing()
        if self._reader_patience is None:
            self._reader_patience = self.loop.call_later(
                self.reader_patience_s, self.transport.abort
            )

    def resume_writing(self) -> None:
        self._forgive_reader()
        super().resume_writing()

    def send_400_response(self, msg: str) -> None:
        """What h11 could not read, told as all else is; `msg` says no more than that."""
        self._refuse(cast(_Connection, self.conn).fault)

    def _watch(self) -> None:
        """Let time run while something is awaited that must not take long, and only then.

        It is not set back by each byte that comes: that is how one is kept waiting for ever.
        """
        if self.transport.is_closing() or not (self._awaits_head or self._awaits_unread_body):
            self._relax()
        elif self._patience is None:
            self._patience = self.loop.call_later(self.patience_s, self._lose_patience)

    @property
    def _awaits_head(self) -> bool:
        return self.conn.our_state is h11.IDLE and self.conn.their_state is h11.IDLE

    @property
    def _awaits_unread_body(self) -> bool:
        return self.conn.our_state is h11.DONE and self.conn.their_state is h11.SEND_BODY

    def _lose_patience(self) -> None:
        self._patience = None
        if self.transport.is_closing():
            return
        if self._awaits_head and self.conn.trailing_data[0]:
            self._refuse(HTTPStatus.REQUEST_TIMEOUT)
        elif self._awaits_head or self._awaits_unread_body:
            self.transport.close()

    def _relax(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None

    def _forgive_reader(self) -> None:
        if self._reader_patience is not None:
            self._reader_patience.cancel()
            self._reader_patience = None

    def _refuse(self, status: HTTPStatus) -> None:
        if self.conn.our_state in {h11.IDLE, h11.SEND_RESPONSE}:
            request_id = new_request_id()
            told = problem(
                status=status,
                code=CODE_OF_STATUS.get(status, "malformed-request"),
                detail=_DETAILS.get(status, "This is not HTTP/1.1 that can be read."),
                instance=request_id,
            )
            body = msgspec.json.encode(told)
            headers = {
                **SECURITY_HEADERS,
                "Content-Type": MEDIA_TYPE,
                "Content-Length": str(len(body)),
                "Cache-Control": "no-store",
                "X-Request-ID": request_id,
                "Connection": "close",
            }
            for event in (
                h11.Response(
                    status_code=status, headers=[*headers.items()], reason=status.phrase.encode()
                ),
                h11.Data(data=body),
                h11.EndOfMessage(),
            ):
                self.transport.write(self.conn.send(event) or b"")
        self.transport.close()


class _Connection(h11.Connection):
    """Remembers what was wrong, and sends the head of an answer together with what follows at once.

    `fault`: the status for what was wrong.
    """

    fault = HTTPStatus.BAD_REQUEST
    _head = b""

    def send(self, event: h11.Event) -> bytes | None:  # type: ignore[override]  # tells None apart by event
        output = super().send(event)
        if isinstance(event, h11.Response) and any(
            n == b"content-length" for n, _ in event.headers
        ):
            self._head = output or b""
            return b""
        head, self._head = self._head, b""
        return head + (output or b"") if head else output

    def next_event(self) -> Any:  # Any: as many types as there are events
        try:
            return super().next_event()
        except h11.RemoteProtocolError as error:
            self.fault = HTTPStatus(error.error_status_hint)
            raise
