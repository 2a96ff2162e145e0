"""Whatever goes wrong, the answer has one shape."""

import logging
import re

import httpx
import pytest
from litestar import Litestar

from domain.errors import BackendUnavailable, DataDirectoryLocked, RenderFailed, StorageError
from tests.fakes.jobs import InMemoryJobs
from tests.integration.http.raw import OWN_HOST, exchange
from tests.integration.http.test_generations import GENERATIONS

JSON = {"Content-Type": "application/json"}


def check(response: httpx.Response, status: int, code: str) -> dict[str, object]:
    problem: dict[str, object] = response.json()
    assert response.status_code == problem["status"] == status
    assert response.headers["content-type"] == "application/problem+json"
    assert problem["code"] == code
    assert problem["type"] == f"/problems/{code}"
    assert problem["instance"] == response.headers["x-request-id"]
    assert set(problem) == {
        "type",
        "title",
        "status",
        "detail",
        "instance",
        "code",
        "retryable",
        "errors",
    }
    return problem


@pytest.mark.parametrize(
    "path",
    ["/", "/nothing", "/api/v1", "/api/v1/nothing", "/schema/redoc", "/schema/x/y"],
)
async def test_no_such_path(client: httpx.AsyncClient, path: str) -> None:
    check(await client.get(path), 404, "not-found")


async def test_no_such_method(client: httpx.AsyncClient) -> None:
    response = await client.delete(GENERATIONS)

    check(response, 405, "method-not-allowed")
    assert set(response.headers["allow"].split(", ")) == {"GET", "POST", "OPTIONS"}


async def test_options_names_every_method_of_each_path(
    app: Litestar, client: httpx.AsyncClient
) -> None:
    # Of two handlers on one path, it named those of the first.
    told = {}
    for route in app.routes:
        if route.path.startswith("/schema"):  # Litestar's own, of which one is everybody's
            continue
        path = re.sub(r"\{[^}]+\}", "x", route.path)
        response = await client.options(path)
        assert (response.status_code, response.content) == (204, b""), path
        told[path] = (set(response.headers["allow"].split(", ")), set(route.methods))  # type: ignore[union-attr]

    assert {path: both for path, both in told.items() if both[0] != both[1]} == {}
    assert len(told) > 40


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b'{"prompt": "x"',
        b'{"prompt": "x"} x',
        b'{"prompt": NaN}',
        b'{"prompt": "\xff"}',
        b'{"prompt": "x", "seed": 1e999}',
        b"[" * 100_000,
        b"[]",
        b'"x"',
        b"null",
    ],
)
async def test_what_is_not_a_json_object_is_malformed(
    client: httpx.AsyncClient, body: bytes
) -> None:
    check(await client.post(GENERATIONS, content=body, headers=JSON), 400, "malformed-request")


@pytest.mark.parametrize(
    "media_type",
    ["", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"],
)
async def test_what_is_not_called_json_is_not_read(
    client: httpx.AsyncClient, media_type: str
) -> None:
    response = await client.post(
        GENERATIONS, content=b'{"prompt": "x"}', headers={"Content-Type": media_type}
    )

    check(response, 415, "unsupported-media-type")


async def test_json_may_say_its_encoding(client: httpx.AsyncClient) -> None:
    headers = {"Content-Type": "application/json; charset=utf-8"}

    response = await client.post(GENERATIONS, content=b'{"prompt": "x"}', headers=headers)

    assert response.status_code == 202


async def test_a_body_that_is_too_large_is_not_read(client: httpx.AsyncClient) -> None:
    response = await client.post(GENERATIONS, json={"prompt": "x" * 256 * 1024})

    check(response, 413, "body-too-large")


async def test_a_body_that_does_not_say_how_large_it_is_is_counted(app: Litestar) -> None:
    headers = [*OWN_HOST, (b"content-type", b"application/json")]
    endless = [b" " * 65536] * 1000

    async with exchange(app, GENERATIONS, method="POST", headers=headers, body=endless) as answer:
        assert answer.status == 413


@pytest.mark.parametrize(
    ("error", "status", "code", "retryable"),
    [
        (StorageError(), 503, "storage", True),
        (DataDirectoryLocked(), 503, "data-directory-locked", False),
        (RenderFailed("no"), 500, "internal", True),
        (BackendUnavailable(), 500, "backend-unavailable", False),
    ],
)
async def test_a_foreseen_error_says_what_it_is(
    client: httpx.AsyncClient,
    jobs: InMemoryJobs,
    error: Exception,
    status: int,
    code: str,
    retryable: bool,
) -> None:
    jobs.refusals.append(error)

    problem = check(await client.post(GENERATIONS, json={"prompt": "x"}), status, code)

    assert problem["retryable"] is retryable
    assert problem["detail"] == str(error)


async def test_an_unforeseen_error_tells_the_log_and_nobody_else(
    client: httpx.AsyncClient, jobs: InMemoryJobs, caplog: pytest.LogCaptureFixture
) -> None:
    error = RuntimeError("/secret/path is gone")
    jobs.refusals.append(error)

    with caplog.at_level(logging.ERROR):
        response = await client.post(GENERATIONS, json={"prompt": "x"})

    check(response, 500, "internal")
    assert "secret" not in response.text
    record = caplog.records[-1]
    assert record.exc_info is not None
    assert record.exc_info[1] is error
    assert record.request_id == response.headers["x-request-id"]
