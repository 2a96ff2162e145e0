"""Looking at a generation that runs."""

import json

import httpx
import pytest

from application.run_generation import RunGeneration
from domain.rendering import Previewed
from tests.fakes.artifact_store import FakeArtifactStore
from tests.fakes.jobs import InMemoryJobs
from tests.integration.http.lives import complete, finish_step, start
from tests.integration.http.test_events import parse
from tests.integration.http.test_generations import GENERATIONS, submit


@pytest.fixture
async def running(client: httpx.AsyncClient, jobs: InMemoryJobs, lane: RunGeneration) -> str:
    """A generation that denoises in the one lane there is."""
    job_id = await submit(client)
    await start(jobs, job_id)
    lane.running = await jobs.repository.get(job_id)
    return job_id


async def test_the_newest_preview_is_served_and_not_sent_again(
    client: httpx.AsyncClient, lane: RunGeneration, running: str
) -> None:
    lane.preview = Previewed(step=2, image=b"RIFF two")
    link = (await client.get(f"{GENERATIONS}/{running}")).json()["links"]["preview"]

    shown = await client.get(link)
    again = await client.get(link, headers={"If-None-Match": shown.headers["etag"]})
    lane.preview = Previewed(step=3, image=b"RIFF three")
    newer = await client.get(link, headers={"If-None-Match": shown.headers["etag"]})

    assert (shown.status_code, shown.content) == (200, b"RIFF two")
    assert shown.headers["content-type"] == "image/webp"
    assert shown.headers["cache-control"] == "private, no-cache"
    assert (again.status_code, again.content) == (304, b"")
    assert (newer.status_code, newer.content) == (200, b"RIFF three")


async def test_before_the_first_and_after_the_run_there_is_none(
    client: httpx.AsyncClient,
    jobs: InMemoryJobs,
    store: FakeArtifactStore,
    lane: RunGeneration,
    running: str,
) -> None:
    before = await client.get(f"{GENERATIONS}/{running}/preview")
    await complete(jobs, store, running)
    lane.running = None
    after = await client.get(f"{GENERATIONS}/{running}/preview")

    for answer, status in ((before, "running"), (after, "completed")):
        assert (answer.status_code, answer.json()["code"]) == (404, "preview-missing")
        assert status in answer.json()["detail"]
    assert (await client.get(f"{GENERATIONS}/{running}")).json()["links"]["preview"] is None
    assert (await client.get(f"{GENERATIONS}/gen_0/preview")).status_code == 404


async def test_the_events_say_that_there_is_one(
    client: httpx.AsyncClient,
    jobs: InMemoryJobs,
    store: FakeArtifactStore,
    lane: RunGeneration,
    running: str,
) -> None:
    lane.preview = Previewed(step=1, image=b"RIFF one")
    await finish_step(jobs, running, 1)
    await complete(jobs, store, running)

    stream = await client.get(f"{GENERATIONS}/{running}/events")

    [step] = [event for event in parse(stream.text) if event["event"] == "step"]
    assert json.loads(step["data"])["preview_step"] == 1
