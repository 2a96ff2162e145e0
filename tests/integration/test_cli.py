"""The program, run in this process, drawing test cards."""

import asyncio
import json
import shlex
from pathlib import Path

import av
import pytest

from adapters.cli.app import build_app, run
from adapters.filesystem.data_directory import DataDirectory
from adapters.pyav.video_encoder import PyAvVideoEncoder
from adapters.sql.connections import database_file
from adapters.sql.database import Database
from bootstrap.cli import Commands
from tests.fakes.nvml import Driver
from tests.integration.clips import noisy_frames, video_file
from tests.integration.pictures import encoded

pytestmark = pytest.mark.usefixtures("settled")

CARD = ("--backend", "synthetic")


def wan(*arguments: str | Path) -> int:
    return run(build_app(Commands()), [str(argument) for argument in arguments])


def test_a_video_is_made_with_its_recipe_inside(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = wan("generate", "a red circle", "-o", tmp_path / "o.mp4", "--seed", "7", "--json", *CARD)

    told = json.loads(capsys.readouterr().out)
    footage = PyAvVideoEncoder().probe(tmp_path / "o.mp4")
    assert code == 0
    assert told["path"] == str(tmp_path / "o.mp4")
    assert told["video"]["num_frames"] == footage.num_frames == 17
    assert json.loads(footage.metadata["comment"])["request"] == told["request"]
    assert [path.name for path in tmp_path.iterdir()] == ["o.mp4"]


def test_options_reach_the_request(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    wan(
        "generate", "x", "-o", tmp_path / "o.mp4", "--size", "64x32", "--frames", "5",
        "--steps", "3", "--guidance", "3,2", "--negative", "blue", "--flow-shift", "5",
        "--scheduler", "dpm++", "--json", *CARD,
    )  # fmt: skip

    request = json.loads(capsys.readouterr().out)["request"]
    assert (request["width"], request["height"], request["num_frames"]) == (64, 32, 5)
    assert (request["guidance_high_noise"], request["guidance_low_noise"]) == (3.0, 2.0)
    assert (request["steps"], request["flow_shift"]) == (3, 5.0)
    assert request["scheduler"] == "dpm++"
    assert request["negative_prompt"] == "blue"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--frames", "18"], ["--frames", "17 or 21"]),
        (["--size", "100x64"], ["--size", "96 or 112"]),
        (["--size", "big"], ["--size", "832x480"]),
        (["--guidance", "1,2,3"], ["--guidance"]),
        (["--steps", "0"], ["--steps", "1"]),
        (["--seed", "-1"], ["--seed", "0"]),
        (["--model", "sora"], ["sora", "mini"]),
    ],
)
def test_bad_input_is_told_with_the_option_and_what_would_do(
    options: list[str], words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = wan("generate", "x", "-o", tmp_path / "o.mp4", *options, *CARD)

    told = capsys.readouterr().err
    assert code == 2
    assert all(word in told for word in words), told
    assert not list(tmp_path.glob("o*"))


def test_images_are_taken_or_refused_with_the_option_and_the_checkpoint_that_can(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    picture = tmp_path / "p.png"
    picture.write_bytes(encoded("PNG", (64, 64)))
    asked = ("generate", "x", "-o", tmp_path / "o.mp4", "--force", "--size", "64x64", *CARD)

    assert wan(*asked, "--model", "mini-ti2v", "--image", picture, "--json") == 0
    assert json.loads(capsys.readouterr().out)["request"]["image"].startswith("img_")
    assert wan(*asked, "--model", "mini-ti2v", "--image", picture, "--end-image", picture) == 2
    assert "--model: mini-ti2v cannot end with an image" in (told := capsys.readouterr().err)
    assert "i2v-A14B" in told
    wide = ("--model", "mini-ti2v", "--image", picture, "--size", "64x32")
    assert wan(*asked, *wide) == 2
    assert "--image: the image is 64x64" in capsys.readouterr().err
    assert wan(*asked, *wide, "--image-fit", "squeeze") == 2
    assert "--image-fit: 'squeeze' is no way to fit an image; nearest: crop or pad" in (
        capsys.readouterr().err
    )
    assert wan(*asked, *wide, "--image-fit", "pad", "--json") == 0
    assert json.loads(capsys.readouterr().out)["request"]["image_fit"] == "pad"
    assert wan(*asked, "--end-image", tmp_path / "no.png") == 2
    assert "--end-image" in capsys.readouterr().err


def test_a_video_is_taken_with_its_strength(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "v.mp4").write_bytes(video_file(noisy_frames(5, (64, 64))))
    size = ("--size", "64x64", "--frames", "5")
    asked = ("generate", "x", "-o", tmp_path / "o.mp4", "--force", *size, *CARD)

    assert wan(*asked, "--video", tmp_path / "v.mp4", "--strength", "0.5", "--json") == 0
    request = json.loads(capsys.readouterr().out)["request"]
    assert (request["video"][:4], request["strength"]) == ("vid_", 0.5)
    assert wan(*asked, "--strength", "0.5") == 2
    assert "--strength: says how much of a given video" in capsys.readouterr().err
    assert wan(*asked, "--model", "i2v-A14B", "--video", tmp_path / "v.mp4") == 2
    assert "--model: i2v-A14B cannot make a given video anew" in capsys.readouterr().err


def test_a_video_is_no_picture_and_a_picture_no_video(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "v.mp4").write_bytes(video_file(noisy_frames(5, (64, 64))))
    (tmp_path / "p.png").write_bytes(encoded("PNG", (64, 64)))
    asked = ("generate", "x", "-o", tmp_path / "o.mp4", *CARD)

    assert wan(*asked, "--image", tmp_path / "v.mp4") == 2
    assert "This is a video, and a picture is wanted here" in capsys.readouterr().err
    assert wan(*asked, "--video", tmp_path / "p.png") == 2
    assert "This is a picture, and a video is wanted here" in capsys.readouterr().err


@pytest.mark.slow
def test_all_that_is_given_as_files_reaches_the_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from tests.integration.tiny_wans import make_checkpoint

    for checkpoint in ("i2v-A14B", "vace-14B", "animate-14B"):
        make_checkpoint(checkpoint, tmp_path / "models")
    monkeypatch.setenv("WAN_MODELS__DIR", str(tmp_path / "models"))
    (tmp_path / "v.mp4").write_bytes(video_file(noisy_frames(5, (64, 32)), fps=16))
    (tmp_path / "p.png").write_bytes(encoded("PNG", (64, 32)))
    (tmp_path / "q.png").write_bytes(encoded("PNG", (64, 32), colour=(0, 0, 99)))
    size = ("--size", "64x32", "--frames", "5", "--steps", "2", "--json", "--force")
    clip, p, q = (tmp_path / name for name in ("v.mp4", "p.png", "q.png"))
    between = ("--model", "i2v-A14B", "--image", p, "--end-image", q)
    control = ("--control-video", clip, "--control-mask", clip, "--reference", p, "--reference", q)

    led = ("--control-video", clip, "--face-video", clip, "--reference", p, "--image-fit", "crop")

    made = []
    for given in (between, ("--model", "vace-14B", *control), ("--model", "animate-14B", *led)):
        assert wan("generate", "x", "-o", tmp_path / "o.mp4", *size, *given) == 0
        made.append(json.loads(capsys.readouterr().out)["request"])

    assert made[0]["image"] != made[0]["last_image"]
    assert made[1]["references"] == [made[0]["image"], made[0]["last_image"]]
    assert made[1]["control_video"] == made[1]["control_mask"] == made[2]["face_video"]


def test_an_empty_prompt_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert wan("generate", "  ", "-o", tmp_path / "o.mp4", *CARD) == 2
    assert "prompt" in capsys.readouterr().err


def test_missing_weights_say_where_they_belong(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = wan("generate", "x", "-o", tmp_path / "o.mp4", "--model", "t2v-A14B")

    assert code == 3
    assert (
        f"called t2v-A14B, into the folder of models, {tmp_path}/home/wan-studio/models."
        in capsys.readouterr().err
    )


def test_a_setting_nobody_knows_is_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("WAN_SERVER__PROT", "1")

    assert wan("models") == 2
    assert "server.port" in capsys.readouterr().err


def test_models_shows_what_is_here_and_what_to_say_to_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert wan("models") == 0

    told = capsys.readouterr().out
    assert "mini" in told
    assert "try: wan generate" in told
    assert "t2v-A14B" in told
    assert "; from text, a first image (needed), a last image\n" in told
    assert "; from text, a first image, a video to make anew\n" in told
    assert "117.5 GiB to fetch, its transformers in fp32\n  try: wan models pull t2v-A14B\n" in told
    assert len(told.splitlines()) < 40, "a screen"


def test_models_and_doctor_speak_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert wan("models", "--json") == 0
    models = {model["id"]: model for model in json.loads(capsys.readouterr().out)}
    assert (models["mini"]["available"], models["t2v-A14B"]["available"]) == (True, False)

    assert wan("doctor", "--json") == 0
    checks = {check["name"]: check for check in json.loads(capsys.readouterr().out)}
    assert {"python", "sqlite", "torch", "host", "mini"} <= checks.keys()
    assert checks["attention"]["detail"].startswith("sdpa")


def test_doctor_tells_an_accelerator_that_is_too_hot(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    Driver(monkeypatch).answer("nvmlDeviceGetTemperature", lambda _handle, _sensor: 88)

    code = wan("doctor", "--json", "--data-dir", tmp_path / "data")

    checks = {check["name"]: check for check in json.loads(capsys.readouterr().out)}
    assert code == 1
    assert "88 °C (held from 87 °C on)" in checks["gpu 0"]["detail"]
    assert "Accelerator 0 (Card 24G) has 88 °C" in checks["gpu 0"]["problem"]


def test_doctor_fails_where_something_is_wrong(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = tmp_path / "data" / "models" / "mini"
    broken.mkdir(parents=True)

    assert wan("doctor", "--data-dir", tmp_path / "data") == 1
    assert "model_index.json is missing" in capsys.readouterr().out


def test_a_place_that_cannot_be_a_data_directory_is_told_in_a_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert wan("doctor", "--data-dir", "/dev/null/data") == 1
    assert "/dev/null is no folder" in capsys.readouterr().out
    for place in ("/dev/null/data", tmp_path / "nothing"):
        assert wan("audit", "--data-dir", place) == 2
        assert (
            f"There is no data directory at {place}: name it with --data-dir"
            in capsys.readouterr().err
        )


def test_wrong_usage_ends_with_two() -> None:
    assert wan("generate") == 2
    assert wan("nonsense") == 2


def test_two_runs_of_one_command_make_the_same_frames(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("a.mp4", "b.mp4"):
        assert wan("generate", "x", "-o", tmp_path / name, "--seed", "7", *CARD) == 0

    assert pictures(tmp_path / "a.mp4") == pictures(tmp_path / "b.mp4")


def test_an_output_that_is_a_folder_is_refused_before_the_work(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # The video was made, and then lost to a traceback.
    assert wan("generate", "x", "-o", tmp_path, *CARD) == 2
    assert "--output" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_an_output_that_was_there_is_replaced_only_by_a_whole_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "o.mp4"
    output.write_bytes(b"the older one")

    assert wan("generate", "x", "-o", output, "--force", "--frames", "18", *CARD) == 2
    assert output.read_bytes() == b"the older one"
    assert wan("generate", "x", "-o", output, "--force", *CARD) == 0
    assert PyAvVideoEncoder().probe(output).num_frames == 17


def test_progress_goes_to_standard_error_as_plain_lines_where_nobody_watches(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wan("generate", "x", "-o", tmp_path / "o.mp4", "--steps", "2", *CARD)

    lines = capsys.readouterr().err.splitlines()
    assert [line.split("%  ")[1] for line in lines] == [
        "loading", "reading the prompt", "denoising", "denoising 1/2", "denoising 2/2",
        "decoding", "writing the video",
    ]  # fmt: skip


def test_brackets_in_a_path_are_shown_as_they_are(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # Rich took them for its own markup: `[bold]` was swallowed, and `[/x]` ended in a traceback.
    folder = tmp_path / "[bold]a[" / "]"

    wan("doctor", "--data-dir", folder)
    assert str(folder) in capsys.readouterr().out.replace("\n", "")
    (folder / "models/t2v-A14B").mkdir(parents=True)  # broken: what is wrong is told with its path
    wan("models", "--data-dir", folder)
    assert str(folder) in capsys.readouterr().out.replace("\n", "")


def pictures(path: Path) -> list[bytes]:
    with av.open(path) as container:
        return [frame.to_ndarray().tobytes() for frame in container.decode(video=0)]


@pytest.mark.parametrize("is_elsewhere", [False, True])
def test_a_backup_says_how_it_is_restored_wherever_the_database_is(
    is_elsewhere: bool,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # With database.url set, the command that was told opened the live database beside the copy's videos.
    data, live = DataDirectory(tmp_path / "data"), tmp_path / "live.db"
    data.prepare()
    if is_elsewhere:
        monkeypatch.setenv("WAN_DATABASE__URL", f"sqlite+aiosqlite:///{live}")
    asyncio.run(opened_once(live if is_elsewhere else data.database))
    copy = tmp_path / "a copy?"

    code = wan("backup", copy, "--data-dir", data.root)

    *variables, wan_, serve, option, folder = shlex.split(
        capsys.readouterr().out.partition("To restore it: ")[2]
    )
    assert (code, wan_, serve, option, folder) == (0, "wan", "serve", "--data-dir", str(copy))
    told = dict(variable.split("=", 1) for variable in variables)
    assert (set(told) == {"WAN_DATABASE__URL"}) is is_elsewhere
    if is_elsewhere:
        assert database_file(told["WAN_DATABASE__URL"]) == copy / "jobs.db"


async def opened_once(path: Path) -> None:
    database = Database(f"sqlite+aiosqlite:///{path}")
    await database.open()
    await database.close()
