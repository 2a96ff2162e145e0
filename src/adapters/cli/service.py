"""A running server, as the commands that steer it see it: over its own HTTP API."""

import hashlib
import json
import time
from collections.abc import Iterator, Mapping
from typing import Any, Final

import httpx

from domain.access_errors import KeyNeeded
from domain.errors import DomainError, InvalidRequest, Violation, error_for

#: Seconds between tries to reach a server that went away in the middle of a stream.
_RECONNECT_S: Final = 1.0
#: Seconds without a word, heartbeats included, after which a stream is taken for dead.
_SILENCE_S: Final = 40.0


class ServiceUnreachable(DomainError):
    """No Wan Studio server answers."""

    code = "service-unreachable"
    retryable = True


class DownloadBroken(DomainError):
    """What came is not the whole of it: fetch it again."""

    code = "download-broken"
    retryable = True


class Service:
    """Speaks to the server at `url`, such as `http://127.0.0.1:8022`; shows it `key`, where there is one."""

    def __init__(self, url: str, key: str | None = None) -> None:
        self._url = url
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        self._client = httpx.Client(base_url=url, headers=headers, timeout=30.0)

    def close(self) -> None:
        """End the connection."""
        self._client.close()

    def call(
        self,
        method: str,
        path: str,
        body: object = None,
        params: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        """The JSON it answers; empty where it has nothing to say.

        Raises:
            ServiceUnreachable: nobody answers.
            DomainError: it refused, with its own words.
        """
        try:
            answer = self._client.request(method, f"/api/v1{path}", json=body, params=params)
        except httpx.TransportError as error:
            raise self._unreachable() from error
        return self._judged(answer)

    def follow(self, generation_id: str) -> Iterator[dict[str, Any]]:
        """A generation's events until its last, each with its `kind`; across restarts of the server.

        Raises:
            ServiceUnreachable: nobody answers at first.
            DomainError: there is no such generation.
        """
        self.call("GET", f"/generations/{generation_id}")
        last, is_over, is_there = 0, False, True
        while not is_over:
            try:
                for event in self._stream(generation_id, last):
                    last, is_there = int(event["id"]), True
                    is_over = event["status"] in {"completed", "failed", "cancelled"}
                    yield event
            except (httpx.TransportError, DomainError) as error:
                if isinstance(error, DomainError) and not error.retryable:
                    raise
                if is_there:  # told once, however long it takes
                    yield {"kind": "disconnected", "message": "the server is gone; waiting for it"}
                is_there = False
            if not is_over:  # a server that stops ends its streams as if all were told
                time.sleep(_RECONNECT_S)

    def fetch(self, path: str, *, sha256: str) -> Iterator[bytes]:
        """A file, piece by piece; it is whole where this ends without an error.

        Raises:
            ServiceUnreachable: nobody answers, or no longer.
            DomainError: it refused, with its own words.
            DownloadBroken: what came has another hash.
        """
        digest = hashlib.sha256()
        try:
            with self._client.stream("GET", f"/api/v1{path}") as answer:
                if answer.is_error:
                    answer.read()
                    self._judged(answer)
                for piece in answer.iter_bytes():
                    digest.update(piece)
                    yield piece
        except httpx.TransportError as error:
            raise self._unreachable() from error
        if digest.hexdigest() != sha256:
            raise DownloadBroken

    def video_url(self, generation_id: str) -> str:
        """Where the video of a completed generation can be fetched."""
        return f"{self._url}/api/v1/outputs/{generation_id}/video"

    def _stream(self, generation_id: str, last: int) -> Iterator[dict[str, Any]]:
        with self._client.stream(
            "GET",
            f"/api/v1/generations/{generation_id}/events",
            headers={"Last-Event-ID": str(last)},
            timeout=httpx.Timeout(30.0, read=_SILENCE_S),
        ) as stream:
            if stream.is_error:
                stream.read()
                self._judged(stream)
            head: dict[str, Any] = {}
            for line in stream.iter_lines():
                name, _, value = line.partition(": ")
                if name == "data":
                    yield {**head, **json.loads(value)}
                elif name in {"id", "event"}:
                    head["kind" if name == "event" else name] = value

    def _judged(self, answer: httpx.Response) -> dict[str, Any]:
        if answer.status_code == httpx.codes.NO_CONTENT:
            return {}
        try:
            told = answer.json()
        except ValueError as error:
            raise self._unreachable() from error
        if answer.is_success:
            return dict(told)
        if answer.status_code == httpx.codes.UNAUTHORIZED:
            raise KeyNeeded(f"{told.get('detail', '')} Put one into WAN_API_KEY.".lstrip())
        if told.get("code") == InvalidRequest.code and (fields := told.get("errors")):
            raise InvalidRequest([_violation(field) for field in fields])
        raise error_for(told.get("code", ""), told.get("detail", "It refused."))

    def _unreachable(self) -> ServiceUnreachable:
        return ServiceUnreachable(
            f"No Wan Studio server answers at {self._url}. Start it with `wan serve`, or say where "
            "it is with --port."
        )


def _violation(field: Mapping[str, Any]) -> Violation:
    return Violation(
        pointer=field["pointer"], reason=field["reason"], nearest=tuple(field.get("nearest", ()))
    )
