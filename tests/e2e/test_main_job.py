"""A prompt becomes a video, over HTTP, through a real server and a real worker."""

import json
import re
from io import BytesIO

import av

from tests.e2e.service import Service


def test_a_prompt_becomes_a_video_that_carries_its_request(studio: Service) -> None:
    answer = studio.client.post(
        "/api/v1/generations", json={"prompt": "a red circle moving right", "seed": 7}
    )
    generation = answer.json()

    assert answer.status_code == 202
    assert answer.headers["location"] == f"/api/v1/generations/{generation['id']}"

    events = studio.events(generation["id"])
    kinds = [event["kind"] for event in events]
    steps = [event["step"] for event in events if event["kind"] == "step"]
    stages = [event["stage"] for event in events if event["kind"] in {"started", "stage"}]

    assert (kinds[0], kinds[-2], kinds[-1]) == ("queued", "publishing", "completed")
    assert steps == list(range(1, generation["steps"] + 1))
    assert stages == ["loading", "encoding_prompt", "denoising", "decoding", "encoding_video"]

    measured = studio.generation(generation["id"])["measured"]
    assert list(measured["seconds"]) == stages
    assert sum(measured["seconds"].values()) > 0
    assert measured["accelerator_bytes"] is None or measured["accelerator_bytes"] > 0
    runs = studio.client.get("/api/v1/runs").json()["data"]
    assert [run["measured"] for run in runs if run["generation"] == generation["id"]] == [measured]

    system = studio.client.get("/api/v1/system").json()
    assert {slot["checkpoint"] for slot in system["slots"]} - {None} == {"mini"}
    assert system["hardware"]["host"]["load_percent"] > 0
    assert studio.client.get("/api/v1/system/history").json()["data"][0]["number"] == 1

    rest = studio.events(generation["id"], last=events[4]["id"])

    # Whether there is a preview now is told beside what happened then.
    now = {"preview_step": None}
    assert [event | now for event in rest] == [event | now for event in events[5:]]

    url = studio.generation(generation["id"])["links"]["video"]
    whole = studio.client.get(url)
    middle = studio.client.get(url, headers={"Range": "bytes=100-199"})

    assert middle.status_code == 206
    assert middle.content == whole.content[100:200]
    with av.open(BytesIO(whole.content)) as container:
        stream = container.streams.video[0]
        frames = list(container.decode(stream))
        recipe = json.loads(container.metadata["comment"])
    assert (stream.codec_context.name, stream.width, stream.height) == ("h264", 128, 128)
    assert len(frames) == generation["request"]["num_frames"]
    assert recipe["request"] == generation["request"]
    assert "torchvision" not in studio.log


def test_the_server_never_loads_torch_and_stays_small(studio: Service) -> None:
    studio.wait_until(studio.submit(), "completed")

    mapped = {mapping.path for mapping in studio.process.memory_maps()}

    assert not [path for path in mapped if re.search("torch|numpy|libav", path)]
    assert studio.process.memory_info().rss <= 150e6
    assert any("torch" in mapping.path for mapping in studio.workers()[0].memory_maps())


def test_a_test_card_needs_no_torch_anywhere(card_service: Service) -> None:
    card_service.wait_until(card_service.submit(), "completed")

    for process in [card_service.process, *card_service.workers()]:
        assert not [m.path for m in process.memory_maps() if "torch" in m.path]


def test_a_running_job_is_cancelled_and_the_next_one_runs(studio: Service) -> None:
    long = studio.submit(steps=100)
    after = studio.submit()
    studio.wait_for_step(long, 2)

    answer = studio.client.post(f"/api/v1/generations/{long}/cancel")

    assert answer.status_code == 200
    cancelled = studio.wait_until(long, "cancelled", seconds=10)
    assert cancelled["video"] is None
    assert studio.wait_until(after, "completed")["attempts"] == 1
    assert studio.client.post(f"/api/v1/generations/{after}/cancel").status_code == 409
    assert not list((studio.data_dir / "staging").iterdir())
