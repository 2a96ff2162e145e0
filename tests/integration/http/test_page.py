"""The page: one document for all its screens, under a policy that lets no stranger's script in."""

import gzip
from pathlib import Path

import httpx
import pytest

DOCUMENT = b"<!doctype html><title>Wan Studio</title>"
SCRIPT = b"export const answer = 42;"


@pytest.fixture
def built(page: Path) -> Path:
    """A page as its build leaves it."""
    (page / "assets").mkdir(parents=True)
    (page / "index.html").write_bytes(DOCUMENT)
    (page / "assets" / "index-a1b2.js").write_bytes(SCRIPT)
    (page / "assets" / "index-a1b2.js.gz").write_bytes(gzip.compress(SCRIPT))
    (page / "assets" / "notes.txt").write_text("not for browsers")
    (page / "secret.js").write_text("not an asset")
    return page


@pytest.mark.parametrize(
    "address",
    [
        "/",
        "/queue",
        "/outputs",
        "/outputs?q=red&size=8x8&deleted=true",
        "/outputs/gen_1",
        "/system",
        "/schema",
    ],
)
async def test_every_screen_can_be_opened_by_its_address(
    client: httpx.AsyncClient, built: Path, address: str
) -> None:
    answer = await client.get(address)

    assert (answer.status_code, answer.content) == (200, DOCUMENT)
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["cache-control"] == "no-cache"


async def test_the_documents_policy_lets_only_our_own_files_run(
    client: httpx.AsyncClient, built: Path
) -> None:
    policy = (await client.get("/")).headers["content-security-policy"].split("; ")

    assert {"default-src 'none'", "script-src 'self'", "style-src 'self'"} <= set(policy)
    assert "frame-ancestors 'none'" in policy
    assert not [part for part in policy if "unsafe" in part or "http" in part or "*" in part]


async def test_a_browser_that_has_the_document_gets_it_once(
    client: httpx.AsyncClient, built: Path
) -> None:
    etag = (await client.get("/")).headers["etag"]

    again = await client.get("/", headers={"If-None-Match": etag})
    (built / "index.html").write_bytes(DOCUMENT + b"another build")
    rebuilt = await client.get("/", headers={"If-None-Match": etag})

    assert (again.status_code, again.content) == (304, b"")
    assert rebuilt.status_code == 200


async def test_assets_are_kept_for_ever_and_come_compressed(
    client: httpx.AsyncClient, built: Path
) -> None:
    answer = await client.get("/assets/index-a1b2.js", headers={"Accept-Encoding": "gzip"})
    plain = await client.get("/assets/index-a1b2.js", headers={"Accept-Encoding": "identity"})

    assert answer.headers["content-encoding"] == "gzip"
    assert answer.headers["content-type"] == "text/javascript; charset=utf-8"
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert answer.headers["vary"] == "Accept-Encoding"
    assert answer.content == plain.content == SCRIPT
    assert "content-encoding" not in plain.headers


@pytest.mark.parametrize(
    "name", ["missing.js", "notes.txt", "..", "%2e%2e%2fsecret.js", "..%2Fsecret.js", ".hidden.js"]
)
async def test_nothing_but_the_builds_own_files_is_served(
    client: httpx.AsyncClient, built: Path, name: str
) -> None:
    answer = await client.get(f"/assets/{name}")

    assert answer.status_code in {404} or answer.content == DOCUMENT
    assert b"not an asset" not in answer.content


async def test_a_page_that_is_not_built_says_how(client: httpx.AsyncClient) -> None:
    answer = await client.get("/")

    assert answer.status_code == 404
    assert "make page" in answer.json()["detail"]


async def test_other_addresses_are_not_found(client: httpx.AsyncClient, built: Path) -> None:
    assert (await client.get("/api/v1/nothing")).status_code == 404
    assert (await client.get("/nothing")).status_code == 404
