"""Weights that are whatever the test says."""

from collections.abc import Mapping
from pathlib import Path

from domain.errors import CheckpointBroken
from domain.found_weights import FoundFolder, FoundPart, FoundParts, FoundTransformer
from domain.ports.weight_reader import WeightReader
from domain.store_errors import WeightsUnrecognised


class FakeWeightReader(WeightReader):
    """Knows what it was given; every other path is no checkpoint."""

    def __init__(
        self,
        folders: Mapping[Path, FoundFolder] | None = None,
        parts: Mapping[Path, FoundParts] | None = None,
        transformers: Mapping[Path, FoundTransformer] | None = None,
    ) -> None:
        self._folders = folders or {}
        self._parts = parts or {}
        self._transformers = transformers or {}

    def read_folder(self, folder: Path) -> FoundFolder:
        if folder not in self._folders:
            raise CheckpointBroken(f"{folder / 'model_index.json'} is missing.")
        return self._folders[folder]

    def read_parts(self, folder: Path) -> FoundParts:
        if folder not in self._parts:
            raise CheckpointBroken(f"{folder / 'model_index.json'} is missing.")
        return self._parts[folder]

    def read_part(self, folder: Path, name: str) -> FoundPart:
        return FoundPart(
            name=name,
            tensors={},
            files=(f"{name}/model.safetensors",),
        )

    def read_transformer(self, path: Path) -> FoundTransformer:
        if path not in self._transformers:
            raise WeightsUnrecognised(f"{path} is no transformer of Wan.")
        return self._transformers[path]
