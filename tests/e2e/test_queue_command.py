"""`wan queue`, against a server that runs."""

import json
import subprocess
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

import pytest

from adapters.cli.app import build_app, run
from bootstrap.cli import Commands
from tests.e2e.service import WAN, Service, free_port, wait_for


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    service = Service(
        tmp_path_factory.mktemp("queue") / "data",
        backend="synthetic",
        resume__interval=1,
        pipeline__card_step_s=0.05,
    )
    service.start()
    yield service
    service.close()


@pytest.fixture
def paused(server: Service) -> Iterator[Service]:
    """Nothing starts; whatever a test leaves in line is cancelled."""
    server.client.post("/api/v1/queue/pause").raise_for_status()
    yield server
    for job in server.client.get("/api/v1/queue").json()["waiting"]:
        server.client.post(f"/api/v1/generations/{job['id']}/cancel")
    server.client.post("/api/v1/queue/resume").raise_for_status()


def queue(service: Service, *arguments: str) -> int:
    return run(build_app(Commands()), ["queue", "--port", str(service.port), *arguments])


def line(text: str) -> list[str]:
    """The ids that wait, as they are shown."""
    return [words[1] for words in map(str.split, text.splitlines()) if words[0].isdecimal()]


def test_what_waits_is_shown_in_its_order_and_moved(
    paused: Service, capsys: pytest.CaptureFixture[str]
) -> None:
    first, second, third = (paused.submit(prompt=f"circle [{n}]", steps=1) for n in range(3))

    assert queue(paused) == 0
    shown = capsys.readouterr().out
    assert line(shown) == [first, second, third]
    assert "circle [1]" in shown
    assert "paused" in shown.splitlines()[0]

    assert queue(paused, "move", third, "--position", "1") == 0
    assert line(capsys.readouterr().out) == [third, first, second]

    assert queue(paused, "move", second, "--priority", "5") == 0
    assert line(capsys.readouterr().out) == [second, third, first]


def test_it_speaks_json(paused: Service, capsys: pytest.CaptureFixture[str]) -> None:
    generation = paused.submit(steps=1)

    assert queue(paused, "--json") == 0

    told = json.loads(capsys.readouterr().out)
    assert [job["id"] for job in told["waiting"]] == [generation]
    assert told["paused_since"]


def test_it_is_paused_and_resumed(server: Service, capsys: pytest.CaptureFixture[str]) -> None:
    assert queue(server, "pause") == 0
    assert "paused since" in capsys.readouterr().out
    assert server.client.get("/api/v1/queue").json()["paused_since"]
    held = server.submit(steps=1)

    assert queue(server, "resume") == 0

    assert "paused" not in capsys.readouterr().out
    assert server.wait_until(held, "completed", "failed")["status"] == "completed"


def test_a_generation_is_cancelled_and_asked_for_again(
    paused: Service, capsys: pytest.CaptureFixture[str]
) -> None:
    generation = paused.submit(steps=1)

    assert queue(paused, "cancel", generation) == 0
    assert capsys.readouterr().out.split() == [generation, "cancelled"]

    assert queue(paused, "retry", generation) == 0
    again = capsys.readouterr().out.split()[0]
    assert paused.generation(again)["retry_of"] == generation


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["move", "gen_0", "--position", "1"], 1, "gen_0"),
        (["cancel", "gen_0"], 1, "gen_0"),
        (["watch", "gen_0"], 1, "gen_0"),
        (["move", "gen_0"], 2, "--priority"),
        (["move", "gen_0", "--priority", "500"], 2, "outside -100 to 100; nearest: 100"),
        (["move"], 2, "generation"),
    ],
)
def test_what_cannot_be_done_is_told(
    arguments: list[str],
    code: int,
    words: str,
    server: Service,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert queue(server, *arguments) == code
    assert words.lower() in capsys.readouterr().err.lower()


def test_where_no_server_answers_it_says_how_to_start_one(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(build_app(Commands()), ["queue", "--port", str(free_port())]) == 1
    assert "wan serve" in capsys.readouterr().err


def test_a_generation_is_watched_to_its_end(
    server: Service, capsys: pytest.CaptureFixture[str]
) -> None:
    generation = server.submit(steps=3)

    assert queue(server, "watch", generation) == 0

    shown = capsys.readouterr().out.splitlines()
    assert [words for words in shown if words.endswith("denoising 3/3")]
    assert [words for words in shown if words.endswith("reading the prompt")]
    assert shown[-2].split() == ["100%", "completed"]
    word, url = shown[-1].split()
    assert word == "video"
    assert server.client.get(url).headers["content-type"] == "video/mp4"


def test_watching_one_that_is_cancelled_ends_with_one(
    paused: Service, capsys: pytest.CaptureFixture[str]
) -> None:
    generation = paused.submit(steps=1)
    queue(paused, "cancel", generation)

    assert queue(paused, "watch", generation) == 1
    assert "cancelled" in capsys.readouterr().out.splitlines()[-1]


@pytest.mark.parametrize("death", ["stop", "kill"])
def test_a_watch_goes_on_across_the_servers_death(
    death: str, server: Service, tmp_path: Path
) -> None:
    generation = server.submit(steps=60)
    shown = tmp_path / "watch"
    with shown.open("wb") as output:
        watch = subprocess.Popen(
            [WAN, "queue", "--port", str(server.port), "watch", generation, "--json"],
            stdout=output, stderr=subprocess.STDOUT,
        )  # fmt: skip
    wait_for(lambda: '"step": 5,' in shown.read_text(), seconds=30)
    wait_for(lambda: server.generation(generation)["resume_step"] > 0, seconds=30)

    getattr(server, death)()
    wait_for(lambda: "waiting for it" in shown.read_text(), seconds=10)
    server.start()

    assert watch.wait(timeout=60) == 0, shown.read_text()
    told = [json.loads(line) for line in shown.read_text().splitlines()]
    # Denoising begins anew with a line of its own, which repeats the step that it goes on after.
    denoising = [event["step"] for event in told if event.get("stage") == "denoising"]
    steps = [step for step, _ in groupby(denoising)]
    (resumed,) = (event["step"] for event in told if event["kind"] == "resumed")
    before = steps.index(resumed)
    assert steps[:before] == list(range(before)), steps
    assert steps[before:] == list(range(resumed, 61)), steps
    # A worker whose server was killed may have gone a step further than anybody heard.
    assert death == "kill" or before == resumed
    assert told[-1]["status"] == "completed"
    assert len([event for event in told if event["kind"] == "disconnected"]) == 1, told
