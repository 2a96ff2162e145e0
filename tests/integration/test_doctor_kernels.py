"""What `wan doctor` says of the kernels for attention."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from bootstrap.doctor import examine
from bootstrap.settings import load_settings
from domain.attention import Attention
from tests.fakes.nvml import Driver


def told(folder: Path) -> str | None:
    def survey() -> Mapping[Attention, str | None]:
        return {Attention.SDPA: None, Attention.CUDNN: "it is off", Attention.SAGE: "it is missing"}

    settings = load_settings(overrides={"data_dir": str(folder)}, environment={})
    [check] = [it for it in examine(settings, survey) if it.name == "attention"]
    return check.detail


def test_with_a_gpu_those_that_torch_brings_are_tried_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Driver(monkeypatch)

    assert told(tmp_path) == (
        "sdpa; cudnn cannot be used: it is off; not installed: flash, flash-3, sage"
    )


def test_without_one_torch_is_not_loaded_for_it(tmp_path: Path) -> None:
    assert told(tmp_path) == "sdpa; not installed: flash, flash-3, sage"
