"""Row S14: nothing that a client said is ever served as a page."""

import httpx
import pytest
from litestar import Litestar

from tests.fakes.artifact_store import FakeArtifactStore
from tests.fakes.jobs import InMemoryJobs
from tests.integration.http.lives import complete, start
from tests.integration.http.test_generations import GENERATIONS, submit

SCRIPT = "<script>alert(document.domain)</script><img src=x onerror=alert(1)>"


async def test_s14_a_prompt_with_markup_is_json_that_no_browser_reads_as_a_page(
    client: httpx.AsyncClient,
) -> None:
    job_id = await submit(client, SCRIPT)

    for path in (f"{GENERATIONS}/{job_id}", GENERATIONS, "/api/v1/queue"):
        answer = await client.get(path)
        assert answer.headers["content-type"] == "application/json"
        assert SCRIPT in answer.json().__repr__()
        _check_headers(answer)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", f"/{SCRIPT}"),
        ("GET", f"{GENERATIONS}/{SCRIPT}"),
        ("GET", f"{GENERATIONS}?{SCRIPT}=1"),
        ("GET", f"{GENERATIONS}?status={SCRIPT}"),
        ("POST", f"/api/v1/models/{SCRIPT}/pull"),
        ("DELETE", "/livez"),
    ],
)
async def test_s14_what_a_refusal_repeats_is_no_page_either(
    client: httpx.AsyncClient, method: str, path: str
) -> None:
    answer = await client.request(method, path)

    assert answer.status_code >= 400
    assert answer.headers["content-type"] == "application/problem+json"
    _check_headers(answer)


async def test_s14_a_video_is_a_video_whatever_its_bytes_are(
    client: httpx.AsyncClient, jobs: InMemoryJobs, store: FakeArtifactStore
) -> None:
    job_id = await submit(client)
    await start(jobs, job_id)
    await complete(jobs, store, job_id, f"<html>{SCRIPT}</html>".encode())

    answer = await client.get(f"/api/v1/outputs/{job_id}/video")

    assert answer.headers["content-type"] == "video/mp4"
    assert answer.headers["content-disposition"] == f'inline; filename="{job_id}.mp4"'
    _check_headers(answer)


def test_s14_no_route_serves_an_upload(app: Litestar) -> None:
    served = {
        (method, route.path)
        for route in app.routes
        for method in route.methods - {"OPTIONS"}  # type: ignore[union-attr]
        if "upload" in route.path
    }

    assert served == {("POST", "/api/v1/uploads")}


async def test_s14_nobody_else_may_read_or_frame_an_answer(client: httpx.AsyncClient) -> None:
    for origin in ("http://evil.example", "null"):
        answer = await client.options(
            GENERATIONS, headers={"Origin": origin, "Access-Control-Request-Method": "POST"}
        )
        assert not [name for name in answer.headers if name.startswith("access-control")]


def _check_headers(answer: httpx.Response) -> None:
    headers = answer.headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["content-security-policy"].startswith("default-src 'none'")
    assert headers["x-frame-options"] == "DENY"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cross-origin-resource-policy"] == "same-origin"
    assert "set-cookie" not in headers
