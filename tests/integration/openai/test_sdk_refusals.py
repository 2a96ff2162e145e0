"""What OpenAI's client makes of our refusals: each its own class, with the words in it."""

from pathlib import Path
from typing import Any

import httpx
import openai
import pytest

from tests.integration.live_server import serving

SMALL: dict[str, Any] = {"size": "32x32", "extra_body": {"num_frames": 5, "num_inference_steps": 2}}


@pytest.mark.parametrize(
    ("said", "param", "words"),
    [
        ({"size": "33x32"}, "size", "nearest: 32 or 48"),
        ({"size": "720x1280"}, "size", "nearest: 128x128"),
        ({"size": "large"}, "size", "832x480"),
        ({"seconds": "12"}, "seconds", "nearest: 4"),
        ({"seconds": "0.3"}, "seconds", "nearest: 0.5"),
        ({"seconds": "four"}, "seconds", "'four'"),
        ({"seconds": "9" * 400}, "seconds", "is no number of seconds"),
        ({"seconds": "2", "extra_body": {"num_frames": 17}}, "seconds", "num_frames"),
        ({"extra_body": {"num_frames": 6}}, "num_frames", "nearest: 5 or 9"),
        ({"extra_body": {"num_inference_steps": 0}}, "num_inference_steps", "nearest: 1"),
        ({"extra_body": {"guidance_scale": 99}}, "guidance_scale", "nearest: 30"),
        ({"extra_body": {"seed": "seven"}}, "seed", "a whole number"),
        ({"extra_body": {"sead": 7}}, "sead", "nearest: seed"),
        ({"extra_body": {"priority": 1000}}, "priority", "nearest: 100"),
        ({"prompt": " "}, "prompt", "what to show"),
        ({"input_reference": b"no picture"}, None, "PNG, JPEG or WebP"),
        ({"extra_body": {"input_reference": {"image_url": "https://a.example/b.png"}}},
         "input_reference", "nothing is fetched"),
        ({"extra_body": {"input_reference": {"file_id": "img_nobody"}}},
         "input_reference", "img_nobody"),
        ({"extra_body": {"video": {"id": "gen_1"}}}, "video", "is not a field"),
    ],
)  # fmt: skip
def test_a_value_that_cannot_be_is_told_with_the_nearest(
    client: openai.OpenAI, said: dict[str, Any], param: str | None, words: str
) -> None:
    with pytest.raises(openai.BadRequestError) as refused:
        client.videos.create(**{"prompt": "a red circle", **said})

    assert refused.value.param == param
    assert refused.value.type == "invalid_request_error"
    assert words in refused.value.message
    assert str(refused.value.request_id).startswith("req_")


def test_an_unknown_model_is_told_with_ours(client: openai.OpenAI) -> None:
    with pytest.raises(openai.NotFoundError) as refused:
        client.videos.create(prompt="a red circle", model="veo-3")

    assert (refused.value.code, refused.value.param) == ("model_not_found", "model")
    assert "mini, mini-ti2v, t2v-A14B" in refused.value.message


def test_a_model_without_weights_is_told(client: openai.OpenAI) -> None:
    with pytest.raises(openai.BadRequestError) as refused:
        client.videos.create(prompt="a red circle", model="t2v-A14B")

    assert refused.value.code == "model_missing"


def test_what_is_not_there_is_not_found(client: openai.OpenAI) -> None:
    videos = client.videos
    asks = (videos.retrieve, videos.download_content, lambda of: videos.remix(of, prompt="a"))
    for ask in asks:
        with pytest.raises(openai.NotFoundError) as refused:
            ask("gen_nobody")
        assert refused.value.code == "video_not_found"


@pytest.mark.usefixtures("paused")
def test_what_is_not_made_is_a_conflict_that_is_not_tried_again(
    client: openai.OpenAI, url: str
) -> None:
    video = client.videos.create(prompt="a red circle", **SMALL)
    seen: list[str] = []
    patient = client.with_options(max_retries=2)
    of_it = {"prompt": "a", "video": openai.omit, "extra_body": {"video": {"id": video.id}}}

    asks = (
        lambda: patient.videos.with_raw_response.download_content(video.id),
        lambda: patient.videos.edit(**of_it),
        lambda: patient.videos.extend(seconds="1", **of_it),
    )
    for ask in asks:
        with pytest.raises(openai.ConflictError) as refused:
            ask()
        seen.append(refused.value.response.headers["x-should-retry"])
        assert refused.value.response.request.headers["x-stainless-retry-count"] == "0"
        assert "it is queued" in refused.value.message
    assert seen == ["false"] * 3


@pytest.mark.usefixtures("paused")
def test_a_cancelled_one_has_failed_and_says_so(client: openai.OpenAI, url: str) -> None:
    video = client.videos.create(prompt="a red circle", **SMALL)
    httpx.post(f"{url}/api/v1/generations/{video.id}/cancel").raise_for_status()

    cancelled = client.videos.poll(video.id)

    assert cancelled.status == "failed"
    assert cancelled.completed_at is None
    assert cancelled.error is not None
    assert cancelled.error.code == "cancelled"


def test_there_are_no_characters(client: openai.OpenAI) -> None:
    with pytest.raises(openai.BadRequestError, match="characters are not kept here"):
        client.videos.create_character(name="ann", video=b"\0\0\0\x18ftypmp42")
    with pytest.raises(openai.NotFoundError):
        client.videos.get_character("char_1")


def test_a_foreign_page_may_not_ask(client: openai.OpenAI) -> None:
    with pytest.raises(openai.PermissionDeniedError) as refused:
        client.videos.create(prompt="a", extra_headers={"Origin": "http://evil.example"})

    assert refused.value.type == "permission_error"


def test_a_full_disk_is_the_servers_fault(tmp_path: Path) -> None:
    full = {"disk__hard_mib": 2**40, "disk__soft_mib": 2**40}
    with (
        serving(tmp_path / "data", **full) as url,
        openai.OpenAI(base_url=f"{url}/v1", api_key="none", max_retries=0) as client,
        pytest.raises(openai.InternalServerError) as refused,
    ):
        client.videos.create(prompt="a red circle", **SMALL)

    assert (refused.value.status_code, refused.value.code) == (507, "disk_full")


@pytest.mark.parametrize(
    ("method", "path", "sent", "status"),
    [
        ("GET", "/v1", {}, 404),
        ("GET", "/v1/nothing", {}, 404),
        ("POST", "/v1/nothing", {"json": {}}, 404),
        ("PUT", "/v1/videos", {"json": {}}, 405),
        ("GET", "/v1/videos?limit=0", {}, 400),
        ("GET", "/v1/videos?order=up", {}, 400),
        ("GET", "/v1/videos?page=2", {}, 400),
        ("GET", "/v1/videos/gen_1/content?variant=gif", {}, 400),
        ("POST", "/v1/videos", {"content": b"<a/>", "headers": {"content-type": "text/xml"}}, 415),
        ("POST", "/v1/videos", {"content": b"a red circle"}, 415),
        ("POST", "/v1/videos", {"json": []}, 400),
        ("POST", "/v1/videos", {"json": {}}, 400),
        ("POST", "/v1/videos", {"json": {"prompt": 7}}, 400),
        ("POST", "/v1/videos", {"json": {"prompt": "x", "seconds": 10**400}}, 400),
        ("POST", "/v1/videos", {"content": b"", "headers": {"content-type": "application/json"}}, 400),
        ("POST", "/v1/videos", {"content": b"{", "headers": {"content-type": "application/json"}}, 400),
        ("POST", "/v1/videos", {"content": b"a", "headers": {"content-type": "multipart/form-data"}}, 400),
        ("POST", "/v1/videos", {"content": b"a", "headers": {"content-type": "multipart/form-data; boundary=b"}}, 400),
        ("POST", "/v1/videos", {"data": {"[prompt": "a"}}, 400),
        ("POST", "/v1/videos", {"json": {"prompt": "a" * (34 << 20)}}, 413),
        ("GET", "/v1/videos", {"headers": {"host": "evil.example"}}, 421),
    ],
)  # fmt: skip
def test_every_refusal_has_openais_shape(
    url: str, method: str, path: str, sent: dict[str, Any], status: int
) -> None:
    answer = httpx.request(method, f"{url}{path}", **sent)

    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/json"
    assert answer.json().keys() == {"error"}
    assert answer.json()["error"].keys() == {"message", "type", "code", "param"}
    assert answer.json()["error"]["message"]
