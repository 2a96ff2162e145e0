"""The contract of `WeightConverter`, on every adapter."""

import json
from pathlib import Path

import pytest

from adapters.diffusers.weight_converter import DiffusersWeightConverter
from adapters.filesystem.weight_reader import FilesystemWeightReader
from domain.checkpoint import checkpoint_spec
from domain.checkpoint_manifest import FilesProgress
from domain.ports.weight_converter import WeightConverter
from tests.fakes.weight_converter import WEIGHTS, FakeWeightConverter
from tests.integration.weights import EMBEDDED, write_official

pytestmark = pytest.mark.slow


@pytest.fixture(params=[DiffusersWeightConverter, FakeWeightConverter])
def converter(request: pytest.FixtureRequest) -> WeightConverter:
    made: WeightConverter = request.param()
    return made


def test_a_transformer_becomes_a_folder_of_its_own(
    converter: WeightConverter, tmp_path: Path
) -> None:
    found = FilesystemWeightReader().read_transformer(write_official(tmp_path / "wan.safetensors"))
    told: list[FilesProgress] = []

    converter.convert(found, tmp_path / "transformer", told.append)

    assert {path.name for path in (tmp_path / "transformer").iterdir()} == {"config.json", WEIGHTS}
    assert told[-1].done_bytes == told[-1].total_bytes > 0
    assert {(progress.doing, progress.name) for progress in told} == {
        ("converting", "wan.safetensors")
    }


def test_a_transformer_that_stays_where_it_lies_is_described(
    converter: WeightConverter, tmp_path: Path
) -> None:
    found = FilesystemWeightReader().read_transformer(write_official(tmp_path / "wan.safetensors"))

    converter.describe(found, tmp_path / "transformer")

    assert [path.name for path in (tmp_path / "transformer").iterdir()] == ["config.json"]
    assert isinstance(json.loads((tmp_path / "transformer/config.json").read_text()), dict)


def test_a_parts_weights_are_written_as_they_are_run_and_nothing_else(
    converter: WeightConverter, tmp_path: Path
) -> None:
    part = FilesystemWeightReader().read_part(EMBEDDED / "mini", "transformer")
    told: list[FilesProgress] = []

    converter.recast(part, tmp_path / "transformer", told.append)

    assert [path.name for path in (tmp_path / "transformer").iterdir()] == [WEIGHTS]
    size = (tmp_path / "transformer" / WEIGHTS).stat().st_size
    assert 0 <= size - converter.recast_bytes(part) < 100_000, "the header"
    assert {(progress.doing, progress.name) for progress in told} == {("converting", "transformer")}


def test_an_index_is_written(converter: WeightConverter, tmp_path: Path) -> None:
    parts = FilesystemWeightReader().read_parts(EMBEDDED / "mini")

    converter.write_index(checkpoint_spec("t2v-A14B"), parts, tmp_path)

    assert isinstance(json.loads((tmp_path / "model_index.json").read_text()), dict)
