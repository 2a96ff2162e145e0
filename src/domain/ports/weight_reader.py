"""Recognises weights that others put on the disk."""

from abc import ABC, abstractmethod
from pathlib import Path

from domain.found_weights import FoundFolder


class WeightReader(ABC):
    """Reads headers and configuration only: milliseconds, and never a tensor."""

    @abstractmethod
    def read_folder(self, folder: Path) -> FoundFolder:
        """What lies in a folder in diffusers' layout.

        Raises:
            CheckpointBroken: it is no such folder, or its files contradict its configuration.
        """
