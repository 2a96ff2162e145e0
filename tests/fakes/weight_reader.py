"""Weights that are whatever the test says."""

from collections.abc import Mapping
from pathlib import Path

from domain.errors import CheckpointBroken
from domain.found_weights import FoundFolder
from domain.ports.weight_reader import WeightReader


class FakeWeightReader(WeightReader):
    """Knows the folders it was given; every other is no checkpoint."""

    def __init__(self, folders: Mapping[Path, FoundFolder]) -> None:
        self._folders = folders

    def read_folder(self, folder: Path) -> FoundFolder:
        if folder not in self._folders:
            raise CheckpointBroken(f"{folder / 'model_index.json'} is missing.")
        return self._folders[folder]
