"""Asking for videos, looking at them, stopping them."""

import httpx
import msgspec
import pytest

from domain.errors import DiskFull, PromptTooLong
from domain.job_event import JobStatus
from tests.fakes.artifact_store import FakeArtifactStore
from tests.fakes.examples import NOON
from tests.fakes.jobs import InMemoryJobs
from tests.fakes.lora_catalog import FakeLoraCatalog, a_lora
from tests.integration.http.lives import complete, finish_step, start

GENERATIONS = "/api/v1/generations"


async def submit(client: httpx.AsyncClient, prompt: str = "a red circle", **fields: object) -> str:
    response = await client.post(GENERATIONS, json={"prompt": prompt, **fields})
    assert response.status_code == 202
    return str(response.json()["id"])


async def test_a_prompt_alone_becomes_a_complete_generation(client: httpx.AsyncClient) -> None:
    response = await client.post(GENERATIONS, json={"prompt": "  a red circle  "})

    body = response.json()
    assert response.status_code == 202
    assert response.headers["location"] == f"{GENERATIONS}/{body['id']}" == body["links"]["self"]
    assert body == {
        "id": body["id"],
        "status": "queued",
        "stage": None,
        "step": 0,
        "steps": 12,
        "progress": 0.0,
        "request": {
            "checkpoint": "mini",
            "prompt": "a red circle",
            "negative_prompt": "",
            "width": 128,
            "height": 128,
            "num_frames": 17,
            "fps": 8,
            "steps": 12,
            "guidance_high_noise": 4.0,
            "guidance_low_noise": 4.0,
            "flow_shift": 5.0,
            "scheduler": "unipc",
            "seed": 7,
            "image": None,
            "last_image": None,
            "image_fit": None,
            "loras": [],
            "video": None,
            "strength": None,
            "control_video": None,
            "control_mask": None,
            "face_video": None,
            "guidance_until": None,
            "step_cache": None,
            "loras_from": None,
            "precision": None,
            "references": [],
        },
        "plan": {
            "weight_bytes": 2000,
            "latent_shape": [16, 5, 16, 16],
            "tokens": 320,
            "forwards": 24,
            "placement": {
                "experts": "resident",
                "text_encoder": "resident",
                "vae": "resident",
                "precision": "bf16",
                "is_tiled": False,
                "is_pinned": False,
            },
            "accelerator_bytes": body["plan"]["accelerator_bytes"],
            "accelerator_needed_bytes": body["plan"]["accelerator_needed_bytes"],
            "host_bytes": body["plan"]["host_bytes"],
            "host_needed_bytes": body["plan"]["host_needed_bytes"],
            "seconds": None,
            "reasons": body["plan"]["reasons"],
        },
        "attempts": 0,
        "resume_step": 0,
        "memory_rung": 0,
        "client": "local",
        "priority": 0,
        "preempts": False,
        "run_after": None,
        "retry_of": None,
        "made_from": None,
        "made_as": None,
        "error": None,
        "video": None,
        "notices": [],
        "measured": None,
        "created_at": "2026-01-01T12:00:00Z",
        "started_at": None,
        "finished_at": None,
        "cancel_requested_at": None,
        "links": {
            "self": f"{GENERATIONS}/{body['id']}",
            "events": f"{GENERATIONS}/{body['id']}/events",
            "preview": None,
            "video": None,
        },
    }


async def test_everything_that_is_said_is_kept(client: httpx.AsyncClient) -> None:
    said = {
        "negative_prompt": "blurred",
        "checkpoint": "mini",
        "width": 128,
        "height": 96,
        "num_frames": 5,
        "steps": 3,
        "guidance_high_noise": 5,
        "guidance_low_noise": 2.5,
        "flow_shift": 2.0,
        "scheduler": "unipc",
        "seed": 2**32 - 1,
    }

    response = await client.post(GENERATIONS, json={"prompt": "x", "priority": -100, **said})

    assert response.status_code == 202
    assert response.json()["request"].items() >= said.items()
    assert response.json()["priority"] == -100


async def test_what_is_shown_as_the_request_asks_for_the_same_again(
    client: httpx.AsyncClient, loras: FakeLoraCatalog
) -> None:
    # `fps` and the hashes of LoRAs were shown, and refused where they came back.
    loras.keep(a_lora("turn"))
    asked = {"seed": 9, "loras": [{"name": "turn", "strength": 0.5}], "steps": 3}
    first = (await client.post(GENERATIONS, json={"prompt": "x", **asked})).json()

    second = await client.post(GENERATIONS, json=first["request"])

    assert second.status_code == 202
    assert second.json()["request"] == first["request"]


async def test_another_lora_of_the_name_is_not_taken_for_the_one_that_is_meant(
    client: httpx.AsyncClient, loras: FakeLoraCatalog
) -> None:
    loras.keep(a_lora("turn"))
    asked = {"prompt": "x", "loras": [{"name": "turn"}]}
    first = (await client.post(GENERATIONS, json=asked)).json()
    loras.keep(a_lora("turn"))

    second = await client.post(GENERATIONS, json=first["request"])

    assert second.status_code == 422
    assert second.json()["errors"][0]["pointer"] == "/loras/0/sha256"


async def test_null_means_the_checkpoints_default(client: httpx.AsyncClient) -> None:
    response = await client.post(GENERATIONS, json={"prompt": "x", "width": None, "seed": None})

    assert response.json()["request"]["width"] == 128


async def test_every_fault_of_the_shape_is_told_at_once(client: httpx.AsyncClient) -> None:
    body = {"promt": "a circle", "width": "512", "steps": 3.5, "priority": 101, "seed": True}

    response = await client.post(GENERATIONS, json=body)

    problem = response.json()
    assert response.status_code == 422
    assert problem["code"] == "invalid-request"
    faults = {fault["pointer"]: fault for fault in problem["errors"]}
    assert set(faults) == {"/promt", "/prompt", "/width", "/steps", "/priority", "/seed"}
    assert faults["/promt"]["nearest"] == ["prompt"]
    assert faults["/width"]["reason"] == 'must be a whole number, not "512"'
    assert faults["/priority"]["reason"] == "101 is outside -100 to 100"
    assert faults["/priority"]["nearest"] == [100]


@pytest.mark.parametrize("name", ["image", "last_image", "loras", "owner", "id", "status", "a/b~c"])
async def test_a_field_that_does_not_exist_is_refused(client: httpx.AsyncClient, name: str) -> None:
    response = await client.post(GENERATIONS, json={"prompt": "x", name: "x"})

    assert response.status_code == 422
    pointer = "/" + name.replace("~", "~0").replace("/", "~1")
    assert [fault["pointer"] for fault in response.json()["errors"]] == [pointer]


async def test_impossible_values_are_refused_with_the_nearest_possible(
    client: httpx.AsyncClient,
) -> None:
    response = await client.post(GENERATIONS, json={"prompt": "x", "num_frames": 18, "width": 100})

    assert response.status_code == 422
    nearest = {fault["pointer"]: fault["nearest"] for fault in response.json()["errors"]}
    assert nearest == {"/width": [96, 112], "/num_frames": [17, 21]}


@pytest.mark.parametrize("prompt", ["", "   ", "x" * 4001, "nul\x00"])
async def test_a_prompt_that_cannot_be_used_is_refused(
    client: httpx.AsyncClient, prompt: str
) -> None:
    response = await client.post(GENERATIONS, json={"prompt": prompt})

    assert response.status_code == 422
    assert [fault["pointer"] for fault in response.json()["errors"]] == ["/prompt"]


@pytest.mark.parametrize(
    ("checkpoint", "code"), [("min", "invalid-request"), ("t2v-1.3B", "model-missing")]
)
async def test_a_checkpoint_that_cannot_be_used_is_refused(
    client: httpx.AsyncClient, checkpoint: str, code: str
) -> None:
    response = await client.post(GENERATIONS, json={"prompt": "x", "checkpoint": checkpoint})

    assert (response.status_code, response.json()["code"]) == (422, code)
    assert response.json()["retryable"] is False


async def test_a_full_disk_accepts_nothing(client: httpx.AsyncClient, jobs: InMemoryJobs) -> None:
    jobs.refusals.append(DiskFull())

    response = await client.post(GENERATIONS, json={"prompt": "x"})

    assert (response.status_code, response.json()["code"]) == (507, "disk-full")
    assert response.json()["retryable"] is True


async def test_the_list_pages_through_everything_newest_first(client: httpx.AsyncClient) -> None:
    ids = [await submit(client) for _ in range(5)]

    seen, cursor = [], None
    while True:
        query = {"limit": 2} | ({"before": cursor} if cursor else {})
        page = (await client.get(GENERATIONS, params=query)).json()
        seen.append([entry["id"] for entry in page["data"]])
        cursor = page["next_cursor"]
        if cursor is None:
            break

    newest = ids[::-1]
    assert seen == [newest[:2], newest[2:4], newest[4:]]


async def test_a_full_last_page_has_no_next(client: httpx.AsyncClient) -> None:
    await submit(client)

    page = (await client.get(GENERATIONS, params={"limit": 1})).json()

    assert len(page["data"]) == 1
    assert page["next_cursor"] is None


async def test_the_list_is_filtered_by_status(
    client: httpx.AsyncClient, jobs: InMemoryJobs
) -> None:
    waiting, running, cancelled = [await submit(client) for _ in range(3)]
    await start(jobs, running)
    await client.post(f"{GENERATIONS}/{cancelled}/cancel")

    one = (await client.get(f"{GENERATIONS}?status=running")).json()
    two = (await client.get(f"{GENERATIONS}?status=queued&status=cancelled")).json()

    assert [entry["id"] for entry in one["data"]] == [running]
    assert [entry["id"] for entry in two["data"]] == [cancelled, waiting]


@pytest.mark.parametrize(
    ("query", "pointer", "nearest"),
    [
        ("limit=0", "/limit", [1]),
        ("limit=201", "/limit", [200]),
        ("limit=many", "/limit", []),
        ("status=done", "/status", [status.value for status in JobStatus]),
        ("status=complete", "/status", ["completed"]),
        ("stauts=failed", "/stauts", ["status"]),
        ("offset=3", "/offset", []),
    ],
)
async def test_a_query_that_means_nothing_is_refused(
    client: httpx.AsyncClient, query: str, pointer: str, nearest: list[str]
) -> None:
    response = await client.get(f"{GENERATIONS}?{query}")

    assert response.status_code == 422
    problem = response.json()
    fault = problem["errors"][0]
    assert (fault["pointer"], fault["nearest"]) == (pointer, nearest)
    assert pointer[1:] in problem["detail"]


async def test_a_running_generation_shows_where_it_is(
    client: httpx.AsyncClient, jobs: InMemoryJobs
) -> None:
    job_id = await submit(client)
    await start(jobs, job_id)
    await finish_step(jobs, job_id, 5)

    body = (await client.get(f"{GENERATIONS}/{job_id}")).json()

    assert body["status"] == "running"
    assert (body["stage"], body["step"], body["attempts"]) == ("denoising", 5, 1)
    assert body["progress"] == 0.4133
    assert body["started_at"] == "2026-01-01T12:00:00Z"


async def test_a_completed_generation_has_its_video(
    client: httpx.AsyncClient, jobs: InMemoryJobs, store: FakeArtifactStore
) -> None:
    job_id = await submit(client)
    await start(jobs, job_id)
    video = await complete(jobs, store, job_id)

    body = (await client.get(f"{GENERATIONS}/{job_id}")).json()

    assert (body["status"], body["progress"]) == ("completed", 1.0)
    assert body["video"] == msgspec.to_builtins(video)
    assert (await client.get(body["links"]["video"])).content == b"video"


async def test_a_failed_generation_says_why(client: httpx.AsyncClient, jobs: InMemoryJobs) -> None:
    job_id = await submit(client)
    await start(jobs, job_id)
    error = PromptTooLong("It has 900 tokens.")
    await jobs.repository.update(job_id, lambda job: job.end_attempt(error, fence=1, at=NOON))

    body = (await client.get(f"{GENERATIONS}/{job_id}")).json()

    assert body["status"] == "failed"
    assert body["error"] == {
        "code": "prompt-too-long",
        "detail": "It has 900 tokens.",
        "retryable": False,
        "errors": [],
    }


async def test_a_waiting_generation_is_cancelled_at_once(client: httpx.AsyncClient) -> None:
    job_id = await submit(client)

    response = await client.post(f"{GENERATIONS}/{job_id}/cancel")

    assert response.status_code == 200
    assert response.json()["status"] == "cancelled"


async def test_a_running_generation_is_marked_however_often_that_is_asked(
    client: httpx.AsyncClient, jobs: InMemoryJobs
) -> None:
    job_id = await submit(client)
    await start(jobs, job_id)

    first = await client.post(f"{GENERATIONS}/{job_id}/cancel")
    second = await client.post(f"{GENERATIONS}/{job_id}/cancel")

    assert (first.status_code, second.status_code) == (200, 200)
    assert first.json()["status"] == "running"
    assert first.json()["cancel_requested_at"] == second.json()["cancel_requested_at"] is not None


async def test_a_completed_generation_cannot_be_cancelled(
    client: httpx.AsyncClient, jobs: InMemoryJobs, store: FakeArtifactStore
) -> None:
    job_id = await submit(client)
    await start(jobs, job_id)
    await complete(jobs, store, job_id)

    response = await client.post(f"{GENERATIONS}/{job_id}/cancel")

    assert (response.status_code, response.json()["code"]) == (409, "not-cancellable")


@pytest.mark.parametrize("path", ["{}", "{}/events", "{}/cancel"])
@pytest.mark.parametrize(
    "job_id", ["nobody", "../..", "%2e%2e%2fetc%2fpasswd", "%252e%252e", "a%00b", "%ff", "💥"]
)
async def test_what_is_not_there_is_not_found(
    client: httpx.AsyncClient, path: str, job_id: str
) -> None:
    method = "POST" if path.endswith("cancel") else "GET"
    response = await client.request(method, f"{GENERATIONS}/{path.format(job_id)}")

    assert response.status_code == 404
    assert response.headers["content-type"] == "application/problem+json"
