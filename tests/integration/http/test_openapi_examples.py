"""Every body and every answer in the API's description has an example that is one."""

from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import Any

import msgspec
import pytest
from litestar import Litestar

from adapters.http.openai.errors import ErrorBody
from adapters.http.problems import Problem
from adapters.http.streams import ToldEvent

#: What an example would be of no use for: a file.
_BINARY = ("image/", "video/", "application/octet-stream")


@pytest.fixture
def document(app: Litestar) -> dict[str, Any]:
    described: dict[str, Any] = msgspec.json.decode(
        msgspec.json.encode(app.openapi_schema.to_schema())
    )
    return described


def contents(document: Mapping[str, Any]) -> Iterator[tuple[str, int, str, Mapping[str, Any]]]:
    """The operation, the status (0: what is sent), the media type, and what is said of it."""
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            name = f"{method} {path}"
            for media_type, told in operation.get("requestBody", {}).get("content", {}).items():
                yield name, 0, media_type, told
            for status, answer in operation["responses"].items():
                for media_type, told in answer.get("content", {}).items():
                    yield name, int(status), media_type, told


def examples(document: Mapping[str, Any], told: Mapping[str, Any]) -> Iterator[Any]:
    for reference in told.get("examples", {}).values():
        yield document["components"]["examples"][reference["$ref"].rpartition("/")[2]]["value"]
    if "example" in told:
        yield told["example"]


def kinds(app: Litestar) -> Mapping[str, type[Any]]:
    """The types of all bodies and answers, by name."""
    found: dict[str, type[Any]] = {"ErrorBody": ErrorBody, "Problem": Problem}
    for route in app.routes:
        for handler in getattr(route, "route_handlers", ()):
            signature = handler.parsed_fn_signature
            fields = [signature.return_type, *signature.return_type.inner_types]
            fields += [handler.parsed_data_field] if handler.parsed_data_field else []
            specs = (handler.responses or {}).values()
            told = [field.annotation for field in fields] + [spec.data_container for spec in specs]
            found |= {kind.__name__: kind for kind in told if isinstance(kind, type)}
    return found


def test_every_body_and_every_answer_has_one(document: dict[str, Any]) -> None:
    bare = [
        (name, status, media_type)
        for name, status, media_type, told in contents(document)
        if not media_type.startswith((*_BINARY, "multipart/"))
        and not any(True for _ in examples(document, told))
    ]

    assert bare == [], "python -m tests.integration.api_examples records them"
    assert len(list(contents(document))) > 500


def test_each_is_whole_and_of_its_type(app: Litestar, document: dict[str, Any]) -> None:
    known, seen = kinds(app), set()
    for name, status, _, told in contents(document):
        kind = known.get(told.get("schema", {}).get("$ref", "").rpartition("/")[2])
        for example in examples(document, told) if kind else ():
            if issubclass(kind, ToldEvent):  # a stream's data is text, as an event is
                example = {**example, "data": msgspec.json.decode(example["data"])}
            read = msgspec.convert(example, kind)
            # What is sent leaves out what it likes; what is answered says all.
            said_again = msgspec.json.decode(msgspec.json.encode(read))
            assert not status or said_again == example, (name, status)
            seen.add(kind)
    assert len(seen) > 30


def test_a_refusals_example_has_its_status(document: dict[str, Any]) -> None:
    refusals = [
        (name, status, example)
        for name, status, _, told in contents(document)
        if status >= HTTPStatus.BAD_REQUEST
        for example in examples(document, told)
    ]

    assert [
        (name, status) for name, status, told in refusals if told.get("status", status) != status
    ] == []
    codes = {told.get("code") or told["error"]["code"] for _, _, told in refusals}
    assert {"unknown-generation", "not-cancellable", "video_not_found", "disk-full"} <= codes


def test_none_is_left_over(document: dict[str, Any]) -> None:
    told = msgspec.json.encode(document["paths"]).decode()

    left = [
        name
        for name in document["components"]["examples"]
        if f'"#/components/examples/{name}"' not in told
    ]

    assert left == []
