"""OpenAI's own Python client, unmodified, against a server of ours."""

import time
from io import BytesIO
from pathlib import Path
from typing import Any

import av
import httpx
import numpy as np
import openai
import pytest
from openai.types import Video
from PIL import Image

from tests.integration.clips import noisy_frames, video_file
from tests.integration.live_server import serving
from tests.integration.pictures import encoded

#: What a card is drawn fast with.
SMALL = {"size": "32x32", "extra_body": {"num_frames": 5, "num_inference_steps": 2, "seed": 7}}


def made(client: openai.OpenAI, **said: Any) -> Video:
    return client.videos.create_and_poll(**{"prompt": "a red circle", **SMALL, **said})


@pytest.fixture(scope="module")
def video(client: openai.OpenAI) -> Video:
    """One that is made."""
    return made(client)


@pytest.fixture(scope="module")
def image_video(client: openai.OpenAI) -> Video:
    """One of the checkpoint that begins with pictures."""
    return made(client, model="mini-ti2v")


def test_a_video_is_made_as_it_was_asked_for(client: openai.OpenAI) -> None:
    video = client.videos.create_and_poll(
        prompt="a red circle", model="mini", seconds="2", size="32x32",
        extra_body={"seed": 7, "num_inference_steps": 2, "guidance_scale": 2.5, "negative_prompt": "blue"},
    )  # fmt: skip

    assert (video.status, video.progress, video.error) == ("completed", 100, None)
    assert (video.model, video.seconds, video.size) == ("mini", "2", "32x32")
    assert (video.object, video.prompt) == ("video", "a red circle")
    assert video.completed_at is not None
    assert 0 <= video.completed_at - video.created_at < 60
    native = _native(client, video.id)["request"]
    assert (native["num_frames"], native["fps"], native["steps"]) == (17, 8, 2)
    assert (native["guidance_high_noise"], native["guidance_low_noise"]) == (2.5, 2.5)
    assert (native["seed"], native["negative_prompt"]) == (7, "blue")


def test_create_answers_before_it_is_made_and_says_how_often_to_look(
    client: openai.OpenAI,
) -> None:
    answer = client.videos.with_raw_response.create(prompt="a red circle", **SMALL)

    assert answer.parse().status in {"queued", "in_progress"}
    assert int(answer.headers["openai-poll-after-ms"]) == 500
    assert answer.headers["x-request-id"].startswith("req_")


@pytest.mark.parametrize("name", ["sora-2", "sora-2-pro", "sora-2-2025-12-08"])
def test_openais_own_models_are_the_default_one(client: openai.OpenAI, name: str) -> None:
    video = client.videos.create(prompt="a red circle", model=name, **SMALL)

    assert video.model == "mini"


def test_what_they_mean_is_the_operators_to_say(tmp_path: Path) -> None:
    with (
        serving(tmp_path / "data", openai__default_model="mini-ti2v") as url,
        openai.OpenAI(base_url=f"{url}/v1", api_key="none") as client,
    ):
        named = client.videos.create(prompt="a red circle", model="sora-2", **SMALL)
        silent = client.videos.create(prompt="a red circle", **SMALL)

    assert (named.model, silent.model) == ("mini-ti2v", "mini-ti2v")


def test_further_fields_may_nest_and_be_lists(client: openai.OpenAI) -> None:
    loras = [{"name": "one", "strength": 0.5}, {"name": "two", "strength": 1.5}]

    with pytest.raises(openai.BadRequestError) as refused:
        client.videos.create(prompt="a red circle", extra_body={"loras": loras})

    assert refused.value.message.count("No LoRA is called") == 2
    assert refused.value.param == "loras"


def test_a_preset_stands_for_what_is_left_out(client: openai.OpenAI) -> None:
    video = client.videos.create(
        prompt="a red circle", size="32x32", extra_body={"preset": "draft", "num_frames": 5}
    )

    asked = _native(client, video.id)["request"]
    assert asked["guidance_until"] == 0.75
    assert asked["step_cache"] > 0


def test_it_is_downloaded_whole_and_by_ranges(client: openai.OpenAI, video: Video) -> None:
    whole = client.videos.download_content(video.id).read()
    part = client.videos.with_raw_response.download_content(
        video.id, extra_headers={"Range": "bytes=4-7"}
    )

    with av.open(BytesIO(whole)) as container:
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    assert (len(frames), frames[0].shape) == (5, (32, 32, 3))
    assert (part.status_code, part.content) == (206, b"ftyp")


@pytest.mark.parametrize(("variant", "size"), [("thumbnail", (32, 32)), ("spritesheet", (96, 64))])
def test_pictures_of_it_are_downloaded(
    client: openai.OpenAI, video: Video, variant: Any, size: tuple[int, int]
) -> None:
    picture = client.videos.download_content(video.id, variant=variant)

    assert picture.response.headers["content-type"] == "image/webp"
    with Image.open(BytesIO(picture.read())) as opened:
        assert (opened.format, opened.size) == ("WEBP", size)


def test_a_deleted_video_is_gone(client: openai.OpenAI) -> None:
    video = made(client)

    deleted = client.videos.delete(video.id)

    assert (deleted.id, deleted.deleted, deleted.object) == (video.id, True, "video.deleted")
    assert video.id not in [listed.id for listed in client.videos.list(order="asc")]
    asks = (
        lambda: client.videos.retrieve(video.id),
        lambda: client.videos.download_content(video.id),
        lambda: client.videos.delete(video.id),
        lambda: client.videos.remix(video.id, prompt="a"),
    )
    for ask in asks:
        with pytest.raises(openai.NotFoundError):
            ask()


@pytest.mark.usefixtures("paused")
def test_one_that_waits_is_cancelled_and_deleted(client: openai.OpenAI) -> None:
    video = client.videos.create(prompt="a red circle", **SMALL)

    assert client.videos.delete(video.id).deleted
    assert _native(client, video.id)["status"] == "cancelled"


def test_one_that_runs_is_cancelled_and_deleted(tmp_path: Path) -> None:
    with (
        serving(tmp_path / "data", pipeline__card_step_s=5) as url,
        openai.OpenAI(base_url=f"{url}/v1", api_key="none") as client,
    ):
        video = client.videos.create(prompt="a red circle", **SMALL)
        while client.videos.retrieve(video.id).status == "queued":
            time.sleep(0.02)

        assert client.videos.delete(video.id).deleted
        assert _native(client, video.id)["status"] == "cancelled"


def test_a_list_goes_on_through_all_its_pages(client: openai.OpenAI) -> None:
    ids = [client.videos.create(prompt=f"circle {n}", **SMALL).id for n in range(5)]

    newest = [video.id for video, _ in zip(client.videos.list(limit=2), ids, strict=False)]
    oldest = [video.id for video in client.videos.list(limit=2, order="asc")]
    first = client.videos.list(limit=2)

    assert newest == ids[::-1]
    assert oldest[-5:] == ids
    assert len(oldest) == len(set(oldest))
    assert (first.has_more, first.last_id) == (True, ids[-2])


def test_a_list_that_ends_says_so(client: openai.OpenAI) -> None:
    last = client.videos.list(after=next(iter(client.videos.list(order="asc"))).id)

    assert (last.data, last.has_more, last.last_id) == ([], False, None)


def test_a_first_picture_is_a_file(client: openai.OpenAI) -> None:
    picture = encoded("PNG", (32, 32))

    video = made(client, model="mini-ti2v", input_reference=("first.png", picture, "image/png"))

    assert video.status == "completed"
    assert _native(client, video.id)["request"]["image"].startswith("img_")


def test_a_video_in_its_place_is_made_anew(client: openai.OpenAI) -> None:
    clip = video_file(noisy_frames(5, (32, 32)))

    video = made(client, input_reference=clip)

    assert _native(client, video.id)["request"]["video"].startswith("vid_")


def test_a_remix_is_the_same_in_other_words(client: openai.OpenAI, video: Video) -> None:
    remix = client.videos.remix(video.id, prompt="a blue square")

    assert (remix.prompt, remix.remixed_from_video_id) == ("a blue square", video.id)
    asked, native = (_native(client, of)["request"] for of in (video.id, remix.id))
    assert native == {**asked, "prompt": "a blue square"}
    assert made_from(_native(client, remix.id)) == (video.id, "remix")


def test_an_edit_is_made_of_the_videos_own_frames(client: openai.OpenAI, video: Video) -> None:
    edit = client.videos.edit(
        prompt="a blue square",
        video=openai.omit,  # the client itself refuses what its types allow here
        extra_body={"video": {"id": video.id}, "strength": 0.5},
    )

    native = _native(client, edit.id)
    assert native["request"]["video"].startswith("vid_")
    assert native["request"]["strength"] == 0.5
    assert made_from(native) == (video.id, "edit")
    assert edit.remixed_from_video_id == video.id
    assert (edit.size, edit.seconds) == (video.size, video.seconds)


def test_a_file_is_edited_at_its_own_size_and_length(client: openai.OpenAI) -> None:
    clip = video_file(noisy_frames(11, (48, 32)))

    edit = client.videos.edit(prompt="a blue square", video=clip)

    assert (edit.size, edit.seconds, edit.remixed_from_video_id) == ("48x32", "1", None)


def test_an_extension_begins_with_the_last_frame(
    client: openai.OpenAI, image_video: Video, data_dir: Path
) -> None:
    extension = client.videos.extend(
        prompt="a blue square", seconds="1", video=openai.omit,
        extra_body={"video": {"id": image_video.id}},
    )  # fmt: skip

    assert (extension.seconds, extension.size) == ("1", "32x32")
    native = _native(client, extension.id)
    assert made_from(native) == (image_video.id, "extension")
    with av.open(BytesIO(client.videos.download_content(image_video.id).read())) as container:
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    [kept] = data_dir.rglob(f"{native['request']['image']}*")
    image = np.asarray(Image.open(kept))
    apart = [float(np.abs(frame.astype(int) - image).mean()) for frame in frames]
    assert apart[-1] < 1 < min(apart[:-1])


def test_what_a_checkpoint_cannot_do_names_those_that_can(
    client: openai.OpenAI, video: Video
) -> None:
    with pytest.raises(openai.BadRequestError) as refused:
        client.videos.extend(
            prompt="a blue square", seconds="1", video=openai.omit,
            extra_body={"video": {"id": video.id}},
        )  # fmt: skip

    assert refused.value.param == "model"
    assert "mini-ti2v or i2v-A14B" in refused.value.message


def test_another_checkpoint_may_go_on(client: openai.OpenAI, video: Video) -> None:
    extension = client.videos.extend(
        prompt="a blue square", seconds="1", video=openai.omit,
        extra_body={"video": {"id": video.id}, "model": "mini-ti2v"},
    )  # fmt: skip

    assert (extension.model, extension.size) == ("mini-ti2v", "32x32")


def test_models_are_those_that_can_be_used(client: openai.OpenAI) -> None:
    models = {model.id: model.owned_by for model in client.models.list()}

    assert models == {"mini": "wan-studio", "mini-ti2v": "wan-studio"}
    assert client.models.retrieve("mini").object == "model"
    with pytest.raises(openai.NotFoundError, match="t2v-A14B"):
        client.models.retrieve("t2v-A14B")


def _native(client: openai.OpenAI, video_id: str) -> dict[str, Any]:
    root = str(client.base_url).removesuffix("/v1/")
    return dict(httpx.get(f"{root}/api/v1/generations/{video_id}").raise_for_status().json())


def made_from(native: dict[str, Any]) -> tuple[str, str]:
    return native["made_from"], native["made_as"]
