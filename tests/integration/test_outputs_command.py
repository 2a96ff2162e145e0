"""`wan outputs`, against a server that runs."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import av
import httpx
import pytest

from adapters.cli.app import build_app, run
from bootstrap.cli import Commands
from tests.integration.live_server import serving

pytestmark = pytest.mark.usefixtures("settled")

PROMPTS = ("a red circle [1]", "a red square", "a blue square")
Wan = Callable[..., int]


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("server") / "data"


@pytest.fixture(scope="module")
def url(data_dir: Path) -> Iterator[str]:
    with serving(data_dir) as url:
        yield url


@pytest.fixture(scope="module")
def made(url: str) -> list[str]:
    """Videos, the oldest first."""
    ids = []
    for prompt in PROMPTS:
        asked = {"prompt": prompt, "width": 32, "height": 32, "num_frames": 5, "steps": 2}
        told = httpx.post(f"{url}/api/v1/generations", json=asked).json()
        httpx.get(url + told["links"]["events"], timeout=60).raise_for_status()  # to its end
        ids.append(told["id"])
    return ids


@pytest.fixture
def wan(url: str, made: list[str]) -> Wan:
    def outputs(*arguments: object) -> int:
        port = str(urlsplit(url).port)
        return run(build_app(Commands()), ["outputs", *map(str, arguments), "--port", port])

    return outputs


def ids(text: str) -> list[str]:
    return [line.split()[0] for line in text.splitlines() if line.startswith("gen_")]


def test_the_newest_are_listed(
    wan: Wan, made: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert wan() == 0

    told = capsys.readouterr().out
    assert ids(told) == made[::-1]
    assert '"a red circle [1]"  32x32, 5 frames, 0.6 s' in told


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["red"], [1, 0]),
        (["squ", "red"], [1]),
        (["--oldest", "--limit", "2"], [0, 1]),
        (["--checkpoint", "mini", "--checkpoint", "mini-ti2v", "square"], [2, 1]),
        (["--size", "64x64"], []),
        (["--since", "2200-01-01"], []),
        (["--until", "2200-01-01T00:00:00", "circle"], [0]),
        (["--deleted"], []),
        (["--no-favourite", "--min-rating", "0"], [2, 1, 0]),
        (["--lora", "turn"], []),
    ],
)
def test_they_are_looked_for_as_over_http(
    arguments: list[str],
    expected: list[int],
    wan: Wan,
    made: list[str],
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert wan("list", *arguments) == 0

    told = capsys.readouterr().out
    assert ids(told) == [made[number] for number in expected]
    assert ("no such video" in told) is (not expected)
    assert ("1 more" in told) is ("--limit" in arguments)


def test_all_pages_are_fetched(
    wan: Wan, made: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("adapters.cli.outputs._PAGE", 1)

    assert wan("list", "--json", "--limit", 3) == 0

    told = json.loads(capsys.readouterr().out)
    assert [output["id"] for output in told["data"]] == made[::-1]
    assert told["total"] == 3


def test_one_is_shown_with_all_that_was_asked(
    wan: Wan, made: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert wan("show", made[0]) == 0

    told = capsys.readouterr().out
    assert "prompt  a red circle [1]" in told
    assert "steps  2" in told
    assert wan("show", made[0], "--json") == 0
    assert json.loads(capsys.readouterr().out)["id"] == made[0]


def test_a_video_is_saved_whole(
    wan: Wan, made: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)

    assert wan("save", made[0]) == 0
    assert wan("save", made[1], "other.mp4") == 0

    assert sorted(path.name for path in tmp_path.glob("*.mp4*")) == [
        f"{made[0]}.mp4", "other.mp4",
    ]  # fmt: skip
    with av.open(tmp_path / "other.mp4") as container:
        assert sum(1 for _ in container.decode(video=0)) == 5
    before = (tmp_path / "other.mp4").read_bytes()
    capsys.readouterr()
    assert wan("save", made[0], "other.mp4") == 2
    assert "--force" in capsys.readouterr().err
    assert (tmp_path / "other.mp4").read_bytes() == before
    assert wan("save", made[0], "other.mp4", "--force") == 0
    assert (tmp_path / "other.mp4").read_bytes() == (tmp_path / f"{made[0]}.mp4").read_bytes()


def test_a_video_that_comes_damaged_is_not_saved(
    wan: Wan, made: list[str], data_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = data_dir / "outputs" / f"{made[2]}.mp4"
    whole = path.read_bytes()
    path.write_bytes(whole[:-1] + b"!")

    assert wan("save", made[2], tmp_path / "out.mp4") == 1

    assert "fetch it again" in capsys.readouterr().err
    assert list(tmp_path.glob("out.mp4*")) == []
    path.write_bytes(whole)


def test_a_video_is_judged(wan: Wan, made: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert wan("rate", made[0], 4) == 0
    assert "★★★★\n" in capsys.readouterr().out
    assert wan("favourite", made[0]) == 0
    assert "★★★★  favourite" in capsys.readouterr().out
    assert wan("list", "--favourite", "--min-rating", 4) == 0
    assert ids(capsys.readouterr().out) == [made[0]]
    assert wan("favourite", made[0], "--off") == 0
    assert wan("rate", made[0], 6) == 2
    assert "nearest: 5" in capsys.readouterr().err


def test_videos_are_deleted_and_brought_back(
    wan: Wan, made: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert wan("delete", *made[:2]) == 0
    assert ids(capsys.readouterr().out) == made[:2]
    assert wan("list", "--deleted") == 0
    assert ids(capsys.readouterr().out) == made[1::-1]

    assert wan("restore", *made[:2]) == 0
    capsys.readouterr()

    assert wan() == 0
    assert ids(capsys.readouterr().out) == made[::-1]


@pytest.mark.parametrize("command", ["show", "save", "delete", "restore", "favourite"])
def test_one_that_is_not_there_is_told(
    command: str, wan: Wan, capsys: pytest.CaptureFixture[str]
) -> None:
    assert wan(command, "gen_0") == 1
    assert "gen_0" in capsys.readouterr().err
