"""Downloading a video: whole, by ranges, or not at all where the client has it."""

from pathlib import Path

import httpx
import pytest
from litestar import Litestar

from adapters.http.output_video import CHUNK_BYTES
from domain.video import VideoFile
from tests.fakes.artifact_store import FakeArtifactStore
from tests.fakes.jobs import InMemoryJobs
from tests.integration.http.lives import complete, start
from tests.integration.http.raw import exchange
from tests.integration.http.test_generations import submit

CONTENT = bytes(range(100))


@pytest.fixture
async def job_id(client: httpx.AsyncClient, jobs: InMemoryJobs) -> str:
    job_id = await submit(client)
    await start(jobs, job_id)
    return job_id


@pytest.fixture
async def video(jobs: InMemoryJobs, store: FakeArtifactStore, job_id: str) -> VideoFile:
    return await complete(jobs, store, job_id, CONTENT)


@pytest.fixture
def url(job_id: str, video: VideoFile) -> str:
    return f"/api/v1/outputs/{job_id}/video"


async def test_the_whole_file_is_sent_as_what_it_is(
    client: httpx.AsyncClient, url: str, job_id: str, video: VideoFile
) -> None:
    response = await client.get(url)

    assert response.status_code == 200
    assert response.content == CONTENT
    assert (
        response.headers.items()
        >= {
            "content-type": "video/mp4",
            "content-length": "100",
            "etag": f'"{video.sha256}"',
            "accept-ranges": "bytes",
            "content-disposition": f'inline; filename="{job_id}.mp4"',
            "cache-control": "private, no-cache",
            "x-content-type-options": "nosniff",
        }.items()
    )


@pytest.mark.parametrize(
    ("asked", "first", "last"),
    [
        ("bytes=0-0", 0, 0),
        ("bytes=0-99", 0, 99),
        ("bytes=10-19", 10, 19),
        ("bytes=99-99", 99, 99),
        ("bytes=90-", 90, 99),
        ("bytes=0-", 0, 99),
        ("bytes=90-1000", 90, 99),
        ("bytes=-1", 99, 99),
        ("bytes=-100", 0, 99),
        ("bytes=-1000", 0, 99),
        ("Bytes = 5-6", 5, 6),
        ("bytes=005-6", 5, 6),
    ],
)
async def test_a_range_is_sent_as_asked(
    client: httpx.AsyncClient, url: str, asked: str, first: int, last: int
) -> None:
    response = await client.get(url, headers={"Range": asked})

    assert response.status_code == 206
    assert response.content == CONTENT[first : last + 1]
    assert response.headers["content-range"] == f"bytes {first}-{last}/100"
    assert response.headers["content-length"] == str(last - first + 1)


@pytest.mark.parametrize(
    "asked",
    [
        "bytes=100-",
        "bytes=100-200",
        "bytes=9-5",
        "bytes=200-100",
        "bytes=-0",
        "bytes=-",
        "bytes=",
        "bytes=a-b",
        "bytes=1",
        "bytes=--1",
        "bytes=1-2-3",
        "bytes=0x1-2",
        "bytes=0-1,5-6",
        "bytes=0-1, -1",
        "bytes=" + "9" * 5000 + "-",
        "bytes=0-" + "9" * 5000,
    ],
)
async def test_a_range_that_cannot_be_sent_is_refused_with_the_size(
    client: httpx.AsyncClient, url: str, asked: str
) -> None:
    response = await client.get(url, headers={"Range": asked})

    assert response.status_code == 416
    assert response.headers["content-range"] == "bytes */100"
    assert response.json()["code"] == "range-not-satisfiable"


async def test_two_range_headers_are_two_ranges(app: Litestar, url: str) -> None:
    headers = [(b"host", b"localhost"), (b"range", b"bytes=0-1"), (b"range", b"bytes=5-6")]

    async with exchange(app, url, headers=headers) as answer:
        assert answer.status == 416


@pytest.mark.parametrize("asked", ["frames=0-1", "0-1", ""])
async def test_a_range_of_something_else_is_not_understood_and_all_is_sent(
    client: httpx.AsyncClient, url: str, asked: str
) -> None:
    response = await client.get(url, headers={"Range": asked})

    assert (response.status_code, response.content) == (200, CONTENT)


async def test_a_range_of_the_same_file_goes_on(
    client: httpx.AsyncClient, url: str, video: VideoFile
) -> None:
    response = await client.get(
        url, headers={"Range": "bytes=50-", "If-Range": f'"{video.sha256}"'}
    )

    assert (response.status_code, response.content) == (206, CONTENT[50:])


@pytest.mark.parametrize("known", ['"other"', 'W/"{}"', "Wed, 21 Oct 2026 07:28:00 GMT", "{}"])
async def test_a_range_of_another_file_begins_again(
    client: httpx.AsyncClient, url: str, video: VideoFile, known: str
) -> None:
    response = await client.get(
        url, headers={"Range": "bytes=50-", "If-Range": known.format(video.sha256)}
    )

    assert (response.status_code, response.content) == (200, CONTENT)


@pytest.mark.parametrize("known", ['"{}"', 'W/"{}"', '"other", "{}"', "*"])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_what_the_client_has_is_not_sent_again(
    client: httpx.AsyncClient, url: str, video: VideoFile, known: str, method: str
) -> None:
    response = await client.request(
        method,
        url,
        headers={"If-None-Match": known.format(video.sha256), "Range": "bytes=0-1"},
    )

    assert (response.status_code, response.content) == (304, b"")
    assert response.headers["etag"] == f'"{video.sha256}"'


async def test_what_the_client_has_of_another_file_is_no_reason(
    client: httpx.AsyncClient, url: str
) -> None:
    response = await client.get(url, headers={"If-None-Match": '"other", W/"another"'})

    assert response.status_code == 200


async def test_head_says_what_get_would_send_and_sends_nothing(
    client: httpx.AsyncClient, url: str
) -> None:
    got = await client.get(url)
    head = await client.head(url, headers={"Range": "bytes=0-1"})

    assert (head.status_code, head.content) == (200, b"")
    ignored = {"x-request-id"}
    assert {k: v for k, v in head.headers.items() if k not in ignored} == {
        k: v for k, v in got.headers.items() if k not in ignored
    }


async def test_a_large_file_is_sent_in_chunks(
    app: Litestar, jobs: InMemoryJobs, store: FakeArtifactStore, job_id: str
) -> None:
    content = bytes(CHUNK_BYTES) + b"end"
    await complete(jobs, store, job_id, content)

    async with exchange(app, f"/api/v1/outputs/{job_id}/video") as answer:
        first, second = await answer.chunks.get(), await answer.chunks.get()

    assert first + second == content
    assert len(first) == CHUNK_BYTES


async def test_a_client_that_hangs_up_leaves_no_file_open(
    app: Litestar, jobs: InMemoryJobs, store: FakeArtifactStore, job_id: str
) -> None:
    await complete(jobs, store, job_id, bytes(100 * CHUNK_BYTES))
    path = store.locate(job_id)

    async with exchange(app, f"/api/v1/outputs/{job_id}/video") as answer:
        await answer.chunks.get()

    assert path not in open_files()


def open_files() -> list[Path]:
    return [link.readlink() for link in Path("/proc/self/fd").iterdir() if link.is_symlink()]


async def test_there_is_no_video_before_there_is_one(
    client: httpx.AsyncClient, job_id: str
) -> None:
    response = await client.get(f"/api/v1/outputs/{job_id}/video")

    assert (response.status_code, response.json()["code"]) == (404, "output-missing")


async def test_a_video_that_was_removed_is_missing(
    client: httpx.AsyncClient, url: str, store: FakeArtifactStore, job_id: str
) -> None:
    store.locate(job_id).unlink()

    response = await client.get(url)

    assert (response.status_code, response.json()["code"]) == (404, "output-missing")


async def test_a_video_that_was_cut_short_is_not_sent(
    client: httpx.AsyncClient, url: str, store: FakeArtifactStore, job_id: str
) -> None:
    store.locate(job_id).write_bytes(CONTENT[:50])

    response = await client.get(url)

    assert (response.status_code, response.json()["code"]) == (404, "output-missing")


async def test_s06_a_link_to_somewhere_else_is_not_followed(
    client: httpx.AsyncClient, url: str, store: FakeArtifactStore, job_id: str, tmp_path: Path
) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(CONTENT)
    path = store.locate(job_id)
    path.unlink()
    path.symlink_to(secret)

    response = await client.get(url)

    assert response.status_code == 404


@pytest.mark.parametrize(
    "job_id_given",
    ["nobody", "..%2f..%2fetc%2fpasswd", "%252e%252e%252f", "..%5c..%5c", "%2fetc%2fpasswd", "%00"],
)
async def test_no_path_leads_out(client: httpx.AsyncClient, job_id_given: str) -> None:
    response = await client.get(f"/api/v1/outputs/{job_id_given}/video")

    assert response.status_code == 404
    assert response.headers["content-type"] == "application/problem+json"
