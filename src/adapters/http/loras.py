"""The LoRAs' routes: which there are, what their files say of themselves, and what they are, to the byte."""

from collections.abc import Iterable, Sequence
from typing import Annotated

from litestar import get
from litestar.di import NamedDependency
from litestar.params import PathParameter
from msgspec import Struct

from adapters.http.private_paths import optional_without_paths
from adapters.http.problems import refusals
from domain.access import Scope
from domain.lora import Expert, Lora, LoraFile
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
        sha256: of the whole file; null in the list of all, which reads no more than their headers.
    """

    file: str
    size_bytes: int
    experts: Sequence[Expert]
    ranks: Sequence[int]
    alphas: Sequence[float]
    tensors: int
    unknown: int
    sha256: str | None


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
    """Every LoRA, by name, as the folder is now."""
    return LoraList(data=[_entry(entry) for entry in loras.entries()])


@get(
    "/api/v1/loras/{lora_name:str}",
    scope=Scope.READ,
    sync_to_thread=True,
    tags=["Models"],
    responses=refusals(404),
)
def get_lora(
    loras: NamedDependency[LoraCatalog],
    lora_name: Annotated[str, PathParameter(description="What the list calls it.")],
) -> LoraFacts:
    """One LoRA, with the SHA-256 of its files: compare it with the one where they come from.

    A file is read to its end the first time, and after it was changed: a second or so for each GiB. One that
    cannot be used is refused with its problem.
    """
    lora = loras.find(lora_name)
    return _facts(lora, loras.hashes(lora))


def _entry(entry: LoraEntry) -> LoraFacts:
    if entry.lora is not None:
        return _facts(entry.lora, [None] * len(entry.lora.files))
    problem = optional_without_paths(entry.problem)
    return LoraFacts(name=entry.name, available=False, problem=problem, family=None, files=[])


def _facts(lora: Lora, hashes: Iterable[str | None]) -> LoraFacts:
    return LoraFacts(
        name=lora.name,
        available=True,
        problem=None,
        family=lora.family,
        files=[_file(file, sha256) for file, sha256 in zip(lora.files, hashes, strict=True)],
    )


def _file(file: LoraFile, sha256: str | None) -> LoraFileFacts:
    return LoraFileFacts(
        file=file.path.name,
        size_bytes=file.size_bytes,
        experts=file.experts,
        ranks=file.ranks,
        alphas=file.alphas,
        tensors=file.tensors,
        unknown=len(file.unknown),
        sha256=sha256,
    )
