"""`wan reproduce`, and where commands put the videos they make; the program draws test cards."""

import json
import shutil
from pathlib import Path

import av
import pytest

from adapters.cli.app import build_app, run
from bootstrap.cli import Commands
from tests.integration.clips import noisy_frames, video_file
from tests.integration.pictures import encoded

pytestmark = pytest.mark.usefixtures("settled")


@pytest.fixture(autouse=True)
def test_card(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WAN_PIPELINE__BACKEND", "synthetic")


def wan(*arguments: str | Path) -> int:
    return run(build_app(Commands()), [str(argument) for argument in arguments])


@pytest.fixture
def original(tmp_path: Path) -> Path:
    assert wan("generate", "x", "-o", tmp_path / "o.mp4", "--seed", "7", "--steps", "2") == 0
    return tmp_path / "o.mp4"


def retold(path: Path, **changes: object) -> Path:
    """The same pictures with another recipe."""
    target = path.with_name("retold.mp4")
    with (
        av.open(path) as source,
        av.open(target, "w", options={"movflags": "use_metadata_tags"}) as copy,
    ):
        recipe = json.loads(source.metadata["comment"]) | changes
        copy.metadata["comment"] = json.dumps(recipe)
        stream = copy.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                copy.mux(packet)
    return target


def test_a_video_is_made_again_and_is_the_same(
    original: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert wan("reproduce", original, "-o", tmp_path / "again.mp4") == 0

    assert "equal, byte for byte" in capsys.readouterr().out
    assert (tmp_path / "again.mp4").read_bytes() == original.read_bytes()
    assert wan("reproduce", original, "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["is_equal"], told["path"], told["differences"]) == (True, None, [])
    assert {path.name for path in tmp_path.iterdir()} >= {"o.mp4", "again.mp4"}


def test_a_generation_is_named_by_its_id(original: Path, tmp_path: Path) -> None:
    outputs = tmp_path / "home/wan-studio/outputs"
    outputs.mkdir(parents=True, exist_ok=True)
    shutil.copy(original, outputs / "gen_1.mp4")

    assert wan("reproduce", "gen_1") == 0
    assert wan("reproduce", "gen_2") == 2


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"version": "0.0.1"}, "made by Wan Studio 0.0.1"),
        ({"weights": {"vae": "0"}}, "Other weights of mini"),
    ],
)
def test_another_version_or_other_weights_are_told_and_refused(
    changes: dict[str, object], words: str, original: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = retold(original, **changes)

    assert wan("reproduce", other) == 2
    told = capsys.readouterr().err
    assert words in told
    assert "--anyway" in told
    assert wan("reproduce", other, "--anyway") == 1
    told, warned = capsys.readouterr()
    assert "another file with equal pictures" in told
    assert words in warned


def test_a_file_without_a_recipe_is_refused(
    original: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "clip.mp4").write_bytes(video_file(noisy_frames(5, (64, 64))))
    (tmp_path / "text.mp4").write_text("a video, honestly")
    request = {"prompt": "x", "sharpness": 3}
    for source, words in (
        (tmp_path / "clip.mp4", "no recipe"),
        (tmp_path / "text.mp4", "no whole video"),
        (retold(original, request={"prompt": "x"}), "no recipe"),
        (retold(original, request=request), "no recipe"),
    ):
        assert wan("reproduce", source) == 2
        assert words in capsys.readouterr().err


def test_what_it_was_made_from_is_given_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "p.png").write_bytes(encoded("PNG", (64, 64)))
    made, picture = tmp_path / "o.mp4", tmp_path / "p.png"
    model = ("--model", "mini-ti2v", "--size", "64x64", "--frames", "5")
    assert wan("generate", "x", "-o", made, "--image", picture, *model) == 0

    assert wan("reproduce", made) == 2
    told = capsys.readouterr().err
    assert "not here (image): name the data directory that has it (--data-dir), or" in told
    assert "--given FILE" in told
    assert "upload" not in told
    assert wan("reproduce", made, "--given", picture) == 0


@pytest.mark.parametrize(
    ("output", "words"),
    [
        ("o.mov", "nearest: "),
        ("o", "no MP4's name"),
        ("no/o.mp4", "there is no folder"),
        ("there.mp4", "--force"),
    ],
)
def test_an_output_that_will_not_do_is_told_before_the_work(
    output: str, words: str, original: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "there.mp4").write_bytes(b"the older one")
    capsys.readouterr()

    for command in (("generate", "x"), ("reproduce", original)):
        assert wan(*command, "-o", tmp_path / output) == 2
        told = capsys.readouterr().err
        assert "--output: " in told
        assert words in told
        assert "loading" not in told
    assert (tmp_path / "there.mp4").read_bytes() == b"the older one"
    assert wan("generate", "x", "-o", tmp_path / "there.mp4", "--force", "--steps", "1") == 0
    assert (tmp_path / "there.mp4").read_bytes() != b"the older one"
