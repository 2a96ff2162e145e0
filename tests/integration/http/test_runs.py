"""What runs took, as it is told."""

import httpx
import pytest

from domain.job import Job
from domain.progress import Stage
from domain.run_record import Measured
from tests.fakes.examples import NOON
from tests.fakes.jobs import InMemoryJobs
from tests.integration.http.lives import start
from tests.integration.http.test_generations import submit

RUNS = "/api/v1/runs"


@pytest.fixture
async def made(client: httpx.AsyncClient, jobs: InMemoryJobs) -> list[str]:
    """Two runs of a kind, the oldest first."""
    ids = []
    for seconds in (6.0, 8.0):
        job_id = await submit(client)
        await start(jobs, job_id)
        await jobs.repository.update(job_id, _took(seconds))
        await jobs.repository.update(job_id, lambda job: job.cancel(fence=1, at=NOON))
        ids.append(job_id)
    return ids


def _took(seconds: float) -> object:
    measured = Measured(
        seconds={Stage.DENOISING: seconds}, accelerator_bytes=5, host_bytes=None, joules=80.0
    )

    def note(job: Job) -> None:
        job.measure(measured, fence=1, at=NOON)

    return note


async def test_the_newest_is_told_first_with_what_it_took(
    client: httpx.AsyncClient, made: list[str]
) -> None:
    body = (await client.get(RUNS)).json()

    newest = body["data"][0]
    assert [run["generation"] for run in body["data"]] == list(reversed(made))
    assert newest["measured"] == {
        "seconds": {"denoising": 8.0},
        "accelerator_bytes": 5,
        "host_bytes": None,
        "joules": 80.0,
    }
    assert (newest["kind"], newest["forwards"]) == ("mini 128x128x17 text", 24)
    assert newest["tokens"] > 0


async def test_a_kind_is_told_as_estimates_see_it(
    client: httpx.AsyncClient, made: list[str]
) -> None:
    [kind] = (await client.get(RUNS)).json()["kinds"]

    assert (kind["kind"], kind["runs"]) == ("mini 128x128x17 text", 2)
    assert (kind["seconds"], kind["joules"]) == ({"denoising": 7.0}, 80.0)


async def test_no_more_are_told_than_are_asked_for(
    client: httpx.AsyncClient, made: list[str]
) -> None:
    body = (await client.get(RUNS, params={"limit": 1})).json()

    assert [run["generation"] for run in body["data"]] == made[1:]
    assert body["kinds"][0]["runs"] == 1


async def test_before_there_are_any_there_are_none(client: httpx.AsyncClient) -> None:
    assert (await client.get(RUNS)).json() == {"data": [], "kinds": []}


@pytest.mark.parametrize("limit", ["0", "201", "x"])
async def test_a_number_that_is_too_many_is_refused(client: httpx.AsyncClient, limit: str) -> None:
    response = await client.get(RUNS, params={"limit": limit})

    assert response.status_code == 422
    assert response.json()["errors"][0]["pointer"] == "/limit"
