"""The LoRAs' route: which there are, and what their files say of themselves."""

from collections.abc import Sequence

from litestar import get
from litestar.di import NamedDependency
from msgspec import Struct

from adapters.http.private_paths import optional_without_paths
from adapters.http.problems import refusals
from domain.access import Scope
from domain.lora import Expert, LoraFile
from domain.ports.lora_catalog import LoraCatalog, LoraEntry


class LoraFileFacts(Struct, frozen=True, kw_only=True):
    """One file, as its header has it.

    Attributes:
        file: its name in the folder.
        experts: whose transformers it changes.
        ranks: those that occur in it.
        alphas: those that it tells; a layer without one has its rank for it.
        tensors: how many were understood.
        unknown: how many were not, and are left out.
    """

    file: str
    size_bytes: int
    experts: Sequence[Expert]
    ranks: Sequence[int]
    alphas: Sequence[float]
    tensors: int
    unknown: int


class LoraFacts(Struct, frozen=True, kw_only=True):
    """A LoRA as clients see it.

    Attributes:
        name: what a generation names it by.
        problem: why it cannot be used; null where it can.
        family: of the checkpoints it is made for, such as `14B`; null where none is known.
        files: one, or a pair for two experts; none where it cannot be used.
    """

    name: str
    available: bool
    problem: str | None
    family: str | None
    files: Sequence[LoraFileFacts]


class LoraList(Struct, frozen=True, kw_only=True):
    """Every LoRA that lies in the folder `loras` of the data directory."""

    data: Sequence[LoraFacts]


@get("/api/v1/loras", scope=Scope.READ, sync_to_thread=True, tags=["Models"], responses=refusals())
def list_loras(loras: NamedDependency[LoraCatalog]) -> LoraList:
    """Every LoRA, by name."""
    return LoraList(data=[_facts(entry) for entry in loras.entries()])


def _facts(entry: LoraEntry) -> LoraFacts:
    lora = entry.lora
    return LoraFacts(
        name=entry.name,
        available=entry.problem is None,
        problem=optional_without_paths(entry.problem),
        family=lora.family if lora else None,
        files=[_file(file) for file in lora.files] if lora else [],
    )


def _file(file: LoraFile) -> LoraFileFacts:
    return LoraFileFacts(
        file=file.path.name,
        size_bytes=file.size_bytes,
        experts=file.experts,
        ranks=file.ranks,
        alphas=file.alphas,
        tensors=file.tensors,
        unknown=len(file.unknown),
    )
