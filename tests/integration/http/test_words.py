"""Refusals speak to whoever sent the request: in plain words, and of nothing that is the server's own."""

import logging
from dataclasses import replace

import httpx
import pytest

from adapters.http.complaints import Limits, complaint
from adapters.http.private_paths import without_paths
from domain.errors import PromptTooLong, StorageError
from tests.fakes.examples import NOON
from tests.fakes.hardware_probe import GIB, FakeHardwareProbe
from tests.fakes.jobs import InMemoryJobs
from tests.integration.http.lives import start
from tests.integration.http.test_generations import GENERATIONS, submit


@pytest.mark.parametrize(
    ("message", "value", "limits", "reason", "nearest"),
    [
        ("Expected `int`, got `float`", 1.5, Limits(), "must be a whole number, not 1.5", ()),
        ("Expected `bool`, got `int`", 1, Limits(), "must be true or false, not 1", ()),
        ("Expected `array | null`, got `object`", {}, Limits(), "must be a list, not an object", ()),
        ("Expected `int` <= 9", 12, Limits(low=0, high=9), "12 is outside 0 to 9", (9,)),
        ("Expected `int` >= 1", 0, Limits(), "0 is not at least 1", (1,)),
        ("Expected `float` > 0.0", 0, Limits(), "0 is not more than 0.0", ()),
        ("Expected `str` of length >= 1", "", Limits(), "must not be empty", ()),
        ("Expected `str` of length <= 3", "abcd", Limits(), "has more than 3 characters", ()),
        ("Invalid enum value 'rde'", "rde", Limits(choices=("red",)), "'rde' is none of red", ("red",)),
        ("Object missing required field `name`", {}, Limits(), "needs `name`", ()),
        ("Something new", 1, Limits(), "Something new", ()),
    ],
)  # fmt: skip
def test_msgspecs_words_become_a_clients(
    message: str, value: object, limits: Limits, reason: str, nearest: tuple[object, ...]
) -> None:
    told = complaint(message, value, limits)

    assert (told.reason, told.nearest) == (reason, nearest)


@pytest.mark.parametrize(
    ("headers", "pointer", "reason"),
    [
        ({"Idempotency-Key": ""}, "/Idempotency-Key", "must not be empty"),
        ({"Wan-Client": "x" * 65}, "/Wan-Client", "has more than 64 characters"),
    ],
)
async def test_a_header_is_called_by_its_name(
    headers: dict[str, str], pointer: str, reason: str, client: httpx.AsyncClient
) -> None:
    answer = await client.post(GENERATIONS, json={"prompt": "x"}, headers=headers)

    problem = answer.json()
    assert answer.status_code == 422
    assert [(fault["pointer"], fault["reason"]) for fault in problem["errors"]] == [
        (pointer, reason)
    ]
    assert problem["detail"] == f"{pointer[1:]}: {reason}"


async def test_what_is_wrong_within_a_field_is_told_where_it_is(client: httpx.AsyncClient) -> None:
    body = {"prompt": "x", "loras": [{"name": "turn"}, {"name": 3}]}

    problem = (await client.post(GENERATIONS, json=body)).json()

    assert [(fault["pointer"], fault["reason"]) for fault in problem["errors"]] == [
        ("/loras/1/name", "must be text, not 3")
    ]


@pytest.mark.parametrize("path", [GENERATIONS, "/api/v1/plans"])
async def test_a_mistyped_checkpoint_is_told_with_the_nearest(
    path: str, client: httpx.AsyncClient
) -> None:
    said = {"prompt": "x"} if path == GENERATIONS else {}

    answer = await client.post(path, json={**said, "checkpoint": "T2V-A14"})

    assert answer.status_code == 422
    assert answer.json()["errors"] == [
        {
            "pointer": "/checkpoint",
            "reason": "no checkpoint is called 'T2V-A14'",
            "nearest": ["t2v-A14B"],
        }
    ]


@pytest.mark.parametrize(("field", "side"), [("width", 100), ("height", 0)])
async def test_the_side_that_is_wrong_is_named(
    field: str, side: int, client: httpx.AsyncClient
) -> None:
    answer = await client.post(GENERATIONS, json={"prompt": "x", field: side})

    (fault,) = answer.json()["errors"]
    assert fault["reason"] == f"the {field} must be a multiple of 16 for mini, and is {side}"


@pytest.mark.parametrize(
    ("body", "pointer", "nearest"),
    [
        ({"prompt": "x", "size": "128x128"}, "/size", ["width", "height"]),
        ({"prompt": "x", "model": "mini"}, "/model", ["checkpoint"]),
        ({"prompt": "x", "guidance_scale": 3}, "/guidance_scale", ["guidance_high_noise"]),
        ({"prompt": "x", "frames": 17}, "/frames", ["num_frames"]),
        ({"prompt": "x", "loras": [{"name": "a", "strenght": 1}]}, "/loras/0/strenght", ["strength"]),
        ({"prompt": "x", "preset": "drft"}, "/preset", ["draft"]),
        ({"prompt": "x", "scheduler": "unipcc"}, "/scheduler", ["unipc"]),
        ({"prompt": "x", "width": 5000, "height": 5000}, "/width", ["128x128"]),
    ],
)  # fmt: skip
async def test_what_was_probably_meant_is_told(
    body: dict[str, object], pointer: str, nearest: list[str], client: httpx.AsyncClient
) -> None:
    (fault,) = (await client.post(GENERATIONS, json=body)).json()["errors"]

    assert (fault["pointer"], fault["nearest"]) == (pointer, nearest)


@pytest.mark.parametrize(
    ("path", "meant"),
    [
        ("/api/v1/generation", "/api/v1/generations"),
        ("/api/generations", "/api/v1/generations"),
        ("/generations", "/api/v1/generations"),
        ("/v1/video", "/v1/videos"),
        ("/api/v1/generations/gen_1/cancle", "/api/v1/generations/gen_1/cancel"),
        ("/nothing/like/it", None),
    ],
)
async def test_where_nothing_is_what_is_near_is_told(
    path: str, meant: str | None, client: httpx.AsyncClient
) -> None:
    answer = await client.get(path)

    told = answer.json()
    words = told["error"]["message"] if path.startswith("/v1") else told["detail"]
    assert answer.status_code == 404
    assert words.startswith(f"Nothing is at {path}.")
    assert ("meant?" in words) is (meant is not None)
    assert meant is None or f"Is {meant} meant?" in words


async def test_a_method_that_a_path_does_not_take_is_told_with_those_it_takes(
    client: httpx.AsyncClient,
) -> None:
    answer = await client.put(GENERATIONS)

    assert answer.status_code == 405
    assert answer.json()["detail"] == f"{GENERATIONS} takes GET and POST, not PUT."


async def test_what_does_not_fit_names_the_fields_and_what_would_fit(
    client: httpx.AsyncClient, hardware: FakeHardwareProbe
) -> None:
    (card,) = hardware.hardware.accelerators
    small = replace(card, total_bytes=int(1.1 * GIB), used_bytes=0)
    hardware.hardware = replace(hardware.hardware, accelerators=(small,))
    asked = {"prompt": "x", "checkpoint": "vace-14B"}

    native = (await client.post(GENERATIONS, json=asked)).json()
    openais = (await client.post("/v1/videos", json={"prompt": "x", "model": "vace-14B"})).json()

    faults = {fault["pointer"]: fault["nearest"] for fault in native["errors"]}
    assert native["code"] == "does-not-fit"
    assert faults["/width"] == ["832x480"]
    assert native["detail"].endswith(f"1280x720 with {faults['/num_frames'][0]} frames.")
    assert openais["error"] == {
        "message": native["detail"],
        "type": "invalid_request_error",
        "code": "does_not_fit",
        "param": "size",
    }


async def test_what_openai_calls_otherwise_is_told(client: httpx.AsyncClient) -> None:
    answer = await client.post("/v1/videos", json={"prompt": "x", "steps": 4})

    assert (
        answer.json()["error"]["message"] == "steps: is not a field (nearest: num_inference_steps)"
    )


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("/home/me/data/models/mini lacks vae.", "…/mini lacks vae."),
        ("it lies at /srv/x/t2v-A14B.", "it lies at …/t2v-A14B."),
        ("in '/srv/a/' now", "in '…/' now"),
        ("OSError:/srv/a/jobs.db is gone", "OSError:…/jobs.db is gone"),
        ("send it to POST /api/v1/uploads", "send it to POST /api/v1/uploads"),
        ("as https://huggingface.co/a/b has it", "as https://huggingface.co/a/b has it"),
        ("and/or, 1/2/3, models/mini", "and/or, 1/2/3, models/mini"),
    ],
)
def test_of_a_servers_paths_only_the_names_are_told(text: str, told: str) -> None:
    assert without_paths(text) == told


async def test_where_things_lie_is_for_the_log_alone(
    client: httpx.AsyncClient, jobs: InMemoryJobs, caplog: pytest.LogCaptureFixture
) -> None:
    jobs.refusals.append(StorageError("/home/me/data/jobs.db cannot be written."))

    with caplog.at_level(logging.WARNING):
        answer = await client.post(GENERATIONS, json={"prompt": "x"})

    assert answer.json()["detail"] == "…/jobs.db cannot be written."
    (record,) = [record for record in caplog.records if record.message == "request refused"]
    assert record.reason == "/home/me/data/jobs.db cannot be written."  # type: ignore[attr-defined]


async def test_nor_does_a_failed_generation_tell_it(
    client: httpx.AsyncClient, jobs: InMemoryJobs
) -> None:
    job_id = await submit(client)
    await start(jobs, job_id)
    error = PromptTooLong("The tokenizer in /home/me/models/mini reads less.")

    await jobs.repository.update(job_id, lambda job: job.end_attempt(error, fence=1, at=NOON))

    shown = (await client.get(f"{GENERATIONS}/{job_id}")).json()["error"]["detail"]
    events = (await client.get(f"{GENERATIONS}/{job_id}/events")).text
    assert shown == "The tokenizer in …/mini reads less."
    assert shown in events
    assert "/home/me" not in events
