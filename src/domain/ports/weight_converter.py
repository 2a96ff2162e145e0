"""Brings weights into the form in which they are loaded fastest."""

from abc import ABC, abstractmethod
from pathlib import Path

from domain.checkpoint import CheckpointSpec
from domain.checkpoint_manifest import Report
from domain.found_weights import FoundPart, FoundParts, FoundTransformer


class WeightConverter(ABC):
    """Writes folders in diffusers' layout. Blocking, for minutes: in a process that may load torch."""

    @abstractmethod
    def check(self, found: FoundTransformer) -> None:
        """Find that it can be converted, or described, by its header alone.

        Raises:
            CheckpointBroken, WeightsUnrecognised: as `convert` does.
        """

    @abstractmethod
    def convert(self, found: FoundTransformer, folder: Path, report: Report) -> None:
        """Write the transformer to `folder`, in bf16, but in fp32 what diffusers keeps in fp32.

        One tensor after another: memory is taken for one at a time. Scaled numbers are multiplied out.

        Raises:
            CheckpointBroken: its tensors are not those of a transformer of its form.
            WeightsUnrecognised: nobody can convert such a form.
            DiskFull, StorageError: it cannot be written.
        """

    @abstractmethod
    def recast_bytes(self, part: FoundPart) -> int:
        """What the tensors take that `recast` writes.

        Raises:
            CheckpointBroken: its numbers are of a type that nobody converts.
        """

    @abstractmethod
    def recast(self, part: FoundPart, folder: Path, report: Report) -> None:
        """Write the part's weights to `folder`, in the types `convert` writes, by the names they have.

        Its configuration is not written. Memory is taken for one tensor at a time.

        Raises:
            CheckpointBroken: as `recast_bytes` does.
            DiskFull, StorageError: it cannot be written.
        """

    @abstractmethod
    def describe(self, found: FoundTransformer, folder: Path) -> None:
        """Write to `folder` the configuration of a transformer that is used as it lies, and no weights.

        Raises:
            CheckpointBroken: its tensors are not those of a transformer of its form.
            WeightsUnrecognised: such a form cannot be used as it lies.
            DiskFull, StorageError: it cannot be written.
        """

    @abstractmethod
    def write_index(self, spec: CheckpointSpec, parts: FoundParts, folder: Path) -> None:
        """Write the `model_index.json` of a checkpoint `folder` that consists of `parts` and transformers.

        Raises:
            DiskFull, StorageError: it cannot be written.
        """
