"""Which LoRAs are on this machine."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

from domain.lora import Lora


@dataclass(frozen=True, slots=True, kw_only=True)
class LoraEntry:
    """A LoRA that lies here. `problem`: why it cannot be used, None where it can."""

    name: str
    lora: Lora | None
    problem: str | None


class LoraCatalog(ABC):
    """Reads names and headers only, but for `hashes`. Blocking: call it off the event loop."""

    @abstractmethod
    def entries(self) -> Sequence[LoraEntry]:
        """Every LoRA, usable or not, by name."""

    @abstractmethod
    def find(self, name: str) -> Lora:
        """The LoRA called `name`, its headers read just now.

        Raises:
            UnknownLora: there is none; the message says where its file belongs, a violation which come near.
            LoraUnusable: it is damaged, or of a kind that is not supported.
            UnsafeWeights: it is pickled.
        """

    @abstractmethod
    def hashes(self, lora: Lora) -> Sequence[str]:
        """SHA-256, lower-case hex, of each of its files, in their order.

        Reads a file from end to end the first time and after it was touched: about a second for each
        gigabyte.

        Raises:
            LoraUnusable: a file is gone or cannot be read.
        """
