"""Which weights are on this machine."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

from domain.checkpoint import CheckpointSpec
from domain.local_checkpoint import LocalCheckpoint


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogEntry:
    """A checkpoint there could be. `problem`: why it cannot be used, None where it can."""

    spec: CheckpointSpec
    local: LocalCheckpoint | None
    problem: str | None


class CheckpointCatalog(ABC):
    """Reads folders and headers only: milliseconds, and never a tensor."""

    @abstractmethod
    def entries(self) -> Sequence[CatalogEntry]:
        """Every checkpoint of `domain.checkpoint.CHECKPOINTS`, here or not, in that order."""

    @abstractmethod
    def find(self, checkpoint_id: str) -> LocalCheckpoint:
        """The checkpoint's folder, found whole and safe just now.

        Raises:
            UnknownCheckpoint: no checkpoint has that id.
            CheckpointMissing: it is not on this machine; the message says where it is looked for.
            CheckpointBroken: a file is missing, cut short, or not what it says.
            UnsafeWeights: it holds pickled weights or remote code.
        """

    @abstractmethod
    def note_use(self, checkpoint: LocalCheckpoint) -> None:
        """Remember that it is used now: `CheckpointStore` tells when what it holds last was.

        Never raises: where that cannot be kept, it is as if the checkpoint were not used.
        """
