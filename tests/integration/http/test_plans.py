"""What a generation would need, over HTTP."""

from typing import Any

import httpx
import pytest

from domain.errors import OutOfAcceleratorMemory, Violation
from domain.job import Job
from domain.lora import Expert
from domain.progress import Stage
from domain.run_record import Measured
from tests.fakes.examples import NOON
from tests.fakes.jobs import InMemoryJobs
from tests.fakes.lora_catalog import FakeLoraCatalog, a_lora
from tests.integration.http.lives import start

PLANS = "/api/v1/plans"
GENERATIONS = "/api/v1/generations"
GIB = 2**30


async def planned(client: httpx.AsyncClient, **asked: Any) -> dict[str, Any]:
    response = await client.post(PLANS, json=asked)
    assert response.status_code == 200, response.text
    return dict(response.json())


async def test_an_empty_body_plans_the_default_on_this_machine(client: httpx.AsyncClient) -> None:
    told = await planned(client)

    assert (told["checkpoint"], told["width"], told["num_frames"]) == ("mini", 128, 17)
    assert told["capacity"] == {
        "accelerator_bytes": 22 * GIB,
        "host_bytes": 48 * GIB,
        "compute_capability": None,
    }
    assert told["plan"]["placement"]["experts"] == "resident"
    assert told["plan"]["seconds"] is None
    assert all(reason.endswith(".") for reason in told["plan"]["reasons"])


async def test_weights_need_not_be_here_and_memory_may_be_imagined(
    client: httpx.AsyncClient,
) -> None:
    told = await planned(
        client,
        checkpoint="t2v-A14B",
        width=1280,
        height=720,
        num_frames=81,
        accelerator_bytes=24 * GIB,
        host_bytes=64 * GIB,
    )

    assert told["plan"]["placement"]["experts"] == "streamed"
    assert 0 < told["plan"]["accelerator_bytes"] < 24 * GIB


async def test_loras_are_named_as_in_a_generation(
    client: httpx.AsyncClient, loras: FakeLoraCatalog
) -> None:
    loras.keep(a_lora("turn", numbers=dict.fromkeys(Expert, 2**28)))

    bare = await planned(client)
    worn = await planned(client, loras=[{"name": "turn", "strength": 0.5}])
    refused = await client.post(PLANS, json={"loras": [{"name": "turm"}]})

    assert worn["plan"]["accelerator_bytes"] > bare["plan"]["accelerator_bytes"]
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["nearest"] == ["turn"]


async def test_no_accelerator_can_be_imagined(client: httpx.AsyncClient) -> None:
    told = await planned(client, accelerator_bytes=0)

    assert told["plan"]["accelerator_bytes"] is None
    assert told["plan"]["placement"]["experts"] == "host"


async def test_an_image_to_video_checkpoint_is_planned_with_its_image(
    client: httpx.AsyncClient,
) -> None:
    told = await planned(client, checkpoint="i2v-A14B", accelerator_bytes=141 * GIB)

    assert told["plan"]["placement"]["experts"] == "resident"


async def test_what_would_be_given_is_planned_in(client: httpx.AsyncClient) -> None:
    large = {"accelerator_bytes": 141 * GIB, "host_bytes": 64 * GIB}
    words = await planned(client, checkpoint="t2v-1.3B", **large)
    anew = await planned(client, checkpoint="t2v-1.3B", with_video=True, strength=0.5, **large)
    led = await planned(
        client, checkpoint="vace-14B", with_control_video=True, references=1, **large
    )

    assert anew["plan"]["forwards"] * 2 == words["plan"]["forwards"]
    assert led["plan"]["latent_shape"][1] == 21 + 1


async def test_what_does_not_fit_is_refused_with_what_would(client: httpx.AsyncClient) -> None:
    response = await client.post(
        PLANS,
        json={"checkpoint": "t2v-A14B", "accelerator_bytes": 8 * GIB, "host_bytes": 64 * GIB},
    )

    problem = response.json()
    assert response.status_code == 422
    assert problem["code"] == "does-not-fit"
    assert "It would fit as 832x480 with 81 frames" in problem["detail"]
    size, length = problem["errors"]
    assert (size["pointer"], size["nearest"]) == ("/width", ["832x480"])
    assert length["pointer"] == "/num_frames"
    assert problem["detail"].endswith(f"1280x720 with {length['nearest'][0]} frames.")


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"num_frames": 18}, "/num_frames"),
        ({"prompt": "a circle"}, "/prompt"),
        ({"host_bytes": -1}, "/host_bytes"),
    ],
)
async def test_what_cannot_be_meant_is_refused(
    body: dict[str, Any], pointer: str, client: httpx.AsyncClient
) -> None:
    response = await client.post(PLANS, json=body)

    assert response.status_code == 422
    assert [error["pointer"] for error in response.json()["errors"]] == [pointer]


async def test_nothing_is_queued(client: httpx.AsyncClient, jobs: InMemoryJobs) -> None:
    await planned(client)

    assert jobs.kept == []


async def test_what_a_run_took_is_shown_and_tells_of_the_next(
    client: httpx.AsyncClient, jobs: InMemoryJobs
) -> None:
    submitted = (await client.post(GENERATIONS, json={"prompt": "a circle"})).json()
    await start(jobs, submitted["id"])
    measured = Measured(
        seconds={Stage.LOADING: 1.0, Stage.DENOISING: 6.0}, accelerator_bytes=GIB, host_bytes=None
    )

    def note(job: Job) -> None:
        job.measure(measured, fence=1, at=NOON)

    await jobs.repository.update(submitted["id"], note)

    shown = (await client.get(f"{GENERATIONS}/{submitted['id']}")).json()
    assert shown["measured"] == {
        "seconds": {"loading": 1.0, "denoising": 6.0},
        "accelerator_bytes": GIB,
        "host_bytes": None,
        "joules": None,
    }
    told = await planned(client, steps=24)
    assert told["plan"]["seconds"] == {"loading": 1.0, "denoising": 12.0}
    assert told["plan"]["accelerator_bytes"] == GIB


async def test_one_that_found_no_memory_says_which_fields_would(
    client: httpx.AsyncClient, jobs: InMemoryJobs
) -> None:
    job_id = (await client.post(GENERATIONS, json={"prompt": "a red circle"})).json()["id"]
    await start(jobs, job_id)
    violation = Violation(pointer="/num_frames", reason="does not fit", nearest=(49,))
    error = OutOfAcceleratorMemory("It is full.", [violation])
    await jobs.repository.update(job_id, lambda job: job.end_attempt(error, fence=1, at=NOON))

    body = (await client.get(f"{GENERATIONS}/{job_id}")).json()

    assert body["error"]["code"] == "gpu-out-of-memory"
    assert body["error"]["errors"] == [
        {"pointer": "/num_frames", "reason": "does not fit", "nearest": [49]}
    ]
