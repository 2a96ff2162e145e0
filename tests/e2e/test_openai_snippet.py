"""What `make demo` prints for programs, run as it is printed."""

import subprocess
import sys
from io import BytesIO
from pathlib import Path

import av

from bootstrap.settings import load_settings
from examples.demo import PROMPT, SERVED_AT, snippet
from tests.e2e.service import Service


def test_the_printed_program_makes_a_video(studio: Service, tmp_path: Path) -> None:
    program = snippet(f"http://127.0.0.1:{studio.port}", PROMPT)

    subprocess.run([sys.executable, "-c", program], cwd=tmp_path, check=True, timeout=120)

    assert len(program.splitlines()) == 3
    with av.open(BytesIO((tmp_path / "out.mp4").read_bytes())) as container:
        assert sum(1 for _ in container.decode(video=0)) == 17
    made = studio.client.get("/v1/videos").json()["data"][0]
    assert (made["status"], made["prompt"], made["model"]) == ("completed", PROMPT, "mini")


def test_it_is_printed_for_where_the_service_listens() -> None:
    server = load_settings(overrides={}, environment={}).server

    assert f"http://{server.host}:{server.port}" == SERVED_AT
