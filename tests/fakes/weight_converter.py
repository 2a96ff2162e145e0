"""A conversion that writes where its weights came from."""

from pathlib import Path

from domain.checkpoint import CheckpointSpec
from domain.checkpoint_manifest import FilesProgress, Report
from domain.found_weights import FoundPart, FoundParts, FoundTransformer
from domain.ports.weight_converter import WeightConverter

WEIGHTS = "diffusion_pytorch_model.safetensors"


class FakeWeightConverter(WeightConverter):
    """A converted transformer's file holds the name of what it was made of."""

    def convert(self, found: FoundTransformer, folder: Path, report: Report) -> None:
        folder.mkdir()
        (folder / "config.json").write_text("{}")
        (folder / WEIGHTS).write_text(found.path.name)
        report(FilesProgress(doing="converting", name=found.path.name, done_bytes=1, total_bytes=1))

    def check(self, found: FoundTransformer) -> None:
        pass

    def recast_bytes(self, part: FoundPart) -> int:
        return len(_recast(part))

    def recast(self, part: FoundPart, folder: Path, report: Report) -> None:
        folder.mkdir(exist_ok=True)
        (folder / WEIGHTS).write_bytes(_recast(part))
        report(FilesProgress(doing="converting", name=part.name, done_bytes=1, total_bytes=1))

    def describe(self, found: FoundTransformer, folder: Path) -> None:
        folder.mkdir()
        (folder / "config.json").write_text("{}")

    def write_index(self, spec: CheckpointSpec, parts: FoundParts, folder: Path) -> None:
        (folder / "model_index.json").write_text(f'{{"checkpoint": "{spec.id}"}}')


def _recast(part: FoundPart) -> bytes:
    return f"{part.name} as it is run".encode()
