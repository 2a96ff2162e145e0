"""OpenAI's own client with API keys of ours: each sees its own, and is told what it may not do."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openai
import pytest

from bootstrap.core_container import CoreContainer
from bootstrap.settings import load_settings
from domain.access import Quota, Scope
from tests.integration.live_server import serving

SMALL: dict[str, Any] = {
    "prompt": "a red circle",
    "size": "32x32",
    "extra_body": {"num_frames": 5, "num_inference_steps": 2},
}


@pytest.fixture(scope="module")
def secrets(data_dir: Path) -> dict[str, str]:
    """Of ann and bob, who may make videos; of eve, who may look; and of tim, who may ask little."""
    settings = load_settings(overrides={"data_dir": str(data_dir)}, environment={})
    manage = CoreContainer(settings=settings).manage_keys()
    asked = {
        "ann": (Scope.GENERATE, Quota()),
        "bob": (Scope.GENERATE, Quota()),
        "eve": (Scope.READ, Quota()),
        "tim": (Scope.READ, Quota(requests_per_minute=1)),
    }
    return {name: manage.create(name, *said)[1] for name, said in asked.items()}


@pytest.fixture(scope="module")
def url(data_dir: Path, secrets: dict[str, str]) -> Iterator[str]:
    with serving(data_dir) as url:
        yield url


@pytest.fixture(scope="module")
def clients(url: str, secrets: dict[str, str]) -> Iterator[dict[str, openai.OpenAI]]:
    made = {
        name: openai.OpenAI(base_url=f"{url}/v1", api_key=secret, max_retries=0)
        for name, secret in {**secrets, "nobody": "sk-proj-nobody"}.items()
    }
    yield made
    for client in made.values():
        client.close()


def test_a_key_opens_its_own_videos(clients: dict[str, openai.OpenAI]) -> None:
    video = clients["ann"].videos.create_and_poll(**SMALL)

    assert video.status == "completed"
    assert clients["ann"].videos.download_content(video.id).read()[4:8] == b"ftyp"
    assert video.id in [listed.id for listed in clients["ann"].videos.list()]


def test_anothers_video_is_not_there_on_any_route(clients: dict[str, openai.OpenAI]) -> None:
    video = clients["ann"].videos.create_and_poll(**SMALL)
    bobs = clients["bob"].videos
    of_it: dict[str, Any] = {
        "prompt": "a",
        "video": openai.omit,
        "extra_body": {"video": {"id": video.id}},
    }

    asks = (
        lambda: bobs.retrieve(video.id),
        lambda: bobs.download_content(video.id),
        lambda: bobs.remix(video.id, prompt="a"),
        lambda: bobs.edit(**of_it),
        lambda: bobs.extend(seconds="1", **of_it),
    )
    for ask in asks:
        with pytest.raises(openai.NotFoundError):
            ask()
    for order in ("asc", "desc"):
        assert list(bobs.list(order=order)) == []
        with pytest.raises(openai.NotFoundError):
            bobs.list(order=order, after=video.id)


def test_a_retry_is_the_callers_own(clients: dict[str, openai.OpenAI]) -> None:
    again = {"X-Stainless-Retry-Count": "1"}

    anns = clients["ann"].videos.create(**SMALL)
    repeated = clients["ann"].videos.create(**SMALL, extra_headers=again)
    bobs = clients["bob"].videos.create(**SMALL, extra_headers=again)

    assert repeated.id == anns.id
    assert bobs.id != anns.id


def test_what_one_made_of_its_own_is_its_own_to_make_more_of(
    clients: dict[str, openai.OpenAI],
) -> None:
    videos = clients["ann"].videos
    video = videos.create_and_poll(**SMALL, model="mini-ti2v")
    of_it: dict[str, Any] = {"video": openai.omit, "extra_body": {"video": {"id": video.id}}}

    extension = videos.extend(prompt="a blue square", seconds="1", **of_it)
    remix = videos.remix(extension.id, prompt="a green star")

    assert remix.remixed_from_video_id == extension.id


def test_no_key_a_weak_one_and_an_impatient_one_are_told_apart(
    clients: dict[str, openai.OpenAI],
) -> None:
    with pytest.raises(openai.AuthenticationError) as unknown:
        clients["nobody"].videos.list()
    with pytest.raises(openai.PermissionDeniedError, match="scope read"):
        clients["eve"].videos.create(**SMALL)
    with pytest.raises(openai.RateLimitError) as hurried:
        for _ in range(5):
            clients["tim"].models.list()

    assert unknown.value.type == "authentication_error"
    assert int(hurried.value.response.headers["retry-after"]) > 0
    assert hurried.value.type == "rate_limit_error"
