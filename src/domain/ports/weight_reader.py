"""Recognises weights that others put on the disk."""

from abc import ABC, abstractmethod
from pathlib import Path

from domain.found_weights import FoundFolder, FoundPart, FoundParts, FoundTransformer


class WeightReader(ABC):
    """Reads headers and configuration only: milliseconds, and never a tensor."""

    @abstractmethod
    def read_folder(self, folder: Path) -> FoundFolder:
        """What lies in a folder in diffusers' layout.

        Raises:
            CheckpointBroken: it is no such folder, or its files contradict its configuration.
            WeightsUnrecognised: it is a transformer in another layout.
        """

    @abstractmethod
    def read_parts(self, folder: Path) -> FoundParts:
        """What goes with a transformer, in a folder in diffusers' layout; its own is not looked at.

        Raises:
            CheckpointBroken: a part is missing, or cannot be read.
        """

    @abstractmethod
    def read_part(self, folder: Path, name: str) -> FoundPart:
        """The part `name` of a folder in diffusers' layout, which has safetensors of it.

        Raises:
            CheckpointBroken: one of its files cannot be read, or there is none.
        """

    @abstractmethod
    def read_transformer(self, path: Path) -> FoundTransformer:
        """A transformer as its authors or ComfyUI's users have it: a file, or a folder of shards.

        Raises:
            WeightsUnrecognised: it is something else; the message says what, where that can be told.
            CheckpointBroken: it is cut short, or lacks the scales of its fp8 tensors.
            UnsafeWeights: it is pickled.
        """
