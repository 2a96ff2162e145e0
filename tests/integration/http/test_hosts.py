"""Rows S2 and S3 of the threats: DNS rebinding and cross-site posts."""

import httpx
import pytest
from litestar import Litestar

from tests.integration.http.raw import OWN_ORIGIN, exchange

OWN_HOSTS = [
    b"127.0.0.1",
    b"127.0.0.1:8022",
    b"localhost:1",
    b"LOCALHOST:8022",
    b"[::1]",
    b"[::1]:8022",
    b"studio.example",
    b"studio.example:8443",
    b"Studio.Example:9",
    b"proxied.example:443",
]
FOREIGN_HOSTS = [
    b"evil.example",
    b"127x0x0x1",
    b"127.0.0.1.evil.example",
    b"evil.example:8022",
    b"localhost.",
    b"localhost.evil.example",
    b"xlocalhost",
    b"127.0.0.2",
    b"127.1",
    b"0.0.0.0",
    b"2130706433",
    b"[::ffff:127.0.0.1]",
    b"[::]",
    b"studio.example.",
    b"sub.studio.example",
    b"proxied.example",
    b"proxied.example:8443",
]
MALFORMED_HOSTS = [
    b"",
    b" ",
    b"localhost:",
    b"localhost:http",
    b"localhost:8022:8022",
    b"localhost:999999",
    b"user@localhost",
    b"localhost@evil.example",
    b"localhost/evil.example",
    b"localhost,evil.example",
    b"::1",
    b"[::1",
    b"local host",
    b"localhost\x00",
    b"\xff\xfe",
]


@pytest.mark.parametrize("host", OWN_HOSTS)
async def test_our_own_names_are_answered(app: Litestar, host: bytes) -> None:
    async with exchange(app, "/livez", headers=[(b"host", host)]) as answer:
        assert answer.status == 200


@pytest.mark.parametrize("host", FOREIGN_HOSTS)
async def test_s02_somebody_elses_name_is_misdirected(app: Litestar, host: bytes) -> None:
    async with exchange(app, "/livez", headers=[(b"host", host)]) as answer:
        assert answer.status == 421
        assert (await answer.problem())["code"] == "wrong-host"


@pytest.mark.parametrize("host", MALFORMED_HOSTS)
async def test_a_malformed_name_is_refused(app: Litestar, host: bytes) -> None:
    async with exchange(app, "/livez", headers=[(b"host", host)]) as answer:
        assert answer.status == 400
        assert (await answer.problem())["code"] == "malformed-request"


@pytest.mark.parametrize(
    "headers",
    [
        [],
        [(b"x-forwarded-host", b"localhost")],
        [(b"host", b"localhost"), (b"host", b"localhost")],
        [(b"host", b"localhost"), (b"host", b"evil.example")],
    ],
)
async def test_there_is_exactly_one_host(app: Litestar, headers: list[tuple[bytes, bytes]]) -> None:
    async with exchange(app, "/livez", headers=headers) as answer:
        assert answer.status == 400


async def test_a_forwarded_host_changes_nothing(app: Litestar) -> None:
    headers = [(b"host", b"evil.example"), (b"x-forwarded-host", b"localhost")]

    async with exchange(app, "/livez", headers=headers) as answer:
        assert answer.status == 421


@pytest.mark.parametrize(
    "path", ["/livez", "/readyz", "/api/v1/system", "/schema/openapi.json", "/nothing", "/"]
)
async def test_every_path_is_guarded(app: Litestar, path: str) -> None:
    async with exchange(app, path, headers=[(b"host", b"evil.example")]) as answer:
        assert answer.status == 421


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "TRACE", "PROPFIND"])
@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "null"},
        {"Origin": ""},
        {"Origin": "http://evil.example"},
        {"Origin": "http://127.0.0.1:9999"},
        {"Origin": "http://localhost:8022"},
        {"Origin": "ftp://127.0.0.1:8022"},
        {"Origin": "http://127.0.0.1:8022.evil.example"},
        {"Origin": "http://127.0.0.1:8022@evil.example"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": OWN_ORIGIN, "Sec-Fetch-Site": "cross-site"},
        {"Origin": "null", "Sec-Fetch-Site": "same-origin"},
    ],
)
async def test_s03_a_change_from_another_sites_page_is_refused(
    client: httpx.AsyncClient, method: str, headers: dict[str, str]
) -> None:
    response = await client.request(
        method, "/api/v1/generations", json={"prompt": "a circle"}, headers=headers
    )

    assert response.status_code == 403
    assert response.json()["code"] == "foreign-origin"


async def test_two_origins_are_as_foreign_as_the_worse(app: Litestar) -> None:
    headers = [
        (b"host", b"127.0.0.1:8022"),
        (b"origin", OWN_ORIGIN.encode()),
        (b"origin", b"http://evil.example"),
    ]

    async with exchange(app, "/api/v1/generations", method="POST", headers=headers) as answer:
        assert answer.status == 403


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Origin": OWN_ORIGIN},
        {"Origin": OWN_ORIGIN, "Sec-Fetch-Site": "same-origin"},
        {"Sec-Fetch-Site": "none"},
        {"Host": "studio.example", "Origin": "https://Studio.example"},
    ],
)
async def test_our_own_pages_and_programs_may_change_things(
    client: httpx.AsyncClient, headers: dict[str, str]
) -> None:
    response = await client.post(
        "/api/v1/generations", json={"prompt": "a circle"}, headers=headers
    )

    assert response.status_code == 202


async def test_reading_from_a_foreign_page_is_left_to_the_browser(
    client: httpx.AsyncClient,
) -> None:
    response = await client.get("/api/v1/generations", headers={"Origin": "http://evil.example"})

    assert response.status_code == 200
    assert "access-control-allow-origin" not in response.headers
    assert response.headers["cross-origin-resource-policy"] == "same-origin"


async def test_a_websocket_from_a_foreign_page_is_closed_unopened(app: Litestar) -> None:
    sent: list[dict[str, object]] = []

    async def receive() -> dict[str, object]:
        return {"type": "websocket.connect"}

    async def send(message: dict[str, object]) -> None:
        sent.append(message)

    headers = [(b"host", b"localhost"), (b"origin", b"http://evil.example")]
    scope = {"type": "websocket", "path": "/", "query_string": b"", "headers": headers}
    await app(scope, receive, send)

    assert [message["type"] for message in sent] == ["websocket.close"]


@pytest.mark.parametrize(
    "path", ["/livez", "/api/v1/system", "/api/v1/generations/nobody", "/nothing"]
)
async def test_every_answer_tells_browsers_to_trust_nothing(
    client: httpx.AsyncClient, path: str
) -> None:
    headers = (await client.get(path)).headers

    assert headers["x-content-type-options"] == "nosniff"
    assert headers["content-security-policy"].startswith("default-src 'none'")
    assert (headers.get("cache-control") == "private, no-store") == path.startswith("/api/")


async def test_a_plain_request_id_is_kept_and_any_other_replaced(
    client: httpx.AsyncClient,
) -> None:
    kept = await client.get("/nothing", headers={"X-Request-ID": "job-42.a"})
    replaced = [
        await client.get("/nothing", headers={"X-Request-ID": given})
        for given in ("a b", "x" * 65, "{}", "")
    ]

    assert kept.headers["x-request-id"] == kept.json()["instance"] == "job-42.a"
    ids = [answer.headers["x-request-id"] for answer in replaced]
    assert len(set(ids)) == 4
    assert all(name.startswith("req_") for name in ids)
