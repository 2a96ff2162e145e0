"""The programs in docs/api.md, run one after another as they stand there."""

import re
from pathlib import Path
from typing import Any

import openai
import pytest

from tests.architecture.source_tree import ROOT
from tests.integration.pictures import encoded


def test_the_examples_of_the_api_work(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = (ROOT / "docs" / "api.md").read_text()
    programs = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "picture.png").write_bytes(encoded("PNG", (128, 128)))
    told: dict[str, Any] = {}

    exec("".join(programs).replace("http://127.0.0.1:8022", url), told)

    assert len(programs) == 4
    assert (tmp_path / "out.mp4").stat().st_size > 0
    for name in ("video", "first", "other", "anew", "longer"):
        asked = told["client"].videos.poll(told[name].id)
        assert (name, asked.status) == (name, "completed")
    assert isinstance(told["client"], openai.OpenAI)
    told["client"].close()
