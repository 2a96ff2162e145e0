"""What a checkpoint's files should be, byte for byte, where they came from, and how one can be wrong."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, TypeAlias

from domain.repository import ListedFile, stays_inside

#: Bytes. What is larger is not hashed on the way to a video, which would take minutes: reading every
#: byte is `CheckpointStore.verify`'s business (decision record 0018).
HASHED_AT_SIGHT_BYTES: Final = 64 * 2**20
#: Hexadecimal digits of a hash that people compare.
_SHORT: Final = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class ManifestFile:
    """One file: its path below the checkpoint's folder, with slashes, and what it holds."""

    name: str
    size_bytes: int
    sha256: str

    def __post_init__(self) -> None:
        if not stays_inside(self.name):
            raise ValueError(f"{self.name!r} leaves its folder")

    @property
    def listed(self) -> ListedFile:
        """The file as a repository would list it."""
        return ListedFile(name=self.name, size_bytes=self.size_bytes, sha256=self.sha256)


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """Every file of a checkpoint but the manifest itself.

    Attributes:
        revision: the commit of `repository`; for a checkpoint without one, whatever its maker wrote.
        adopted_from: the folder, or the files, elsewhere that are linked here.
        converted_from: the files it was made of.
        recast: the parts of it whose weights were written anew here, in the precision they are run in.
    """

    checkpoint_id: str
    files: tuple[ManifestFile, ...]
    revision: str | None = None
    repository: str | None = None
    adopted_from: tuple[str, ...] = ()
    converted_from: tuple[str, ...] = ()
    recast: tuple[str, ...] = ()

    @property
    def size_bytes(self) -> int:
        return sum(file.size_bytes for file in self.files)

    @property
    def weights(self) -> Mapping[str, str]:
        """A short hash of each part, such as `vae`: enough to tell whether two are the same.

        Files that lie in no part's folder, such as a README, decide nothing.
        """
        parts: dict[str, list[str]] = {}
        for file in sorted(self.files, key=lambda file: file.name):
            part, slash, _ = file.name.partition("/")
            if slash:
                parts.setdefault(part, []).append(f"{file.name} {file.sha256}\n")
        return {
            part: hashlib.sha256("".join(lines).encode()).hexdigest()[:_SHORT]
            for part, lines in parts.items()
        }


class Fault(StrEnum):
    """How a file is not what its manifest says."""

    MISSING = "missing"
    CUT_SHORT = "cut short"
    TOO_LONG = "too long"
    CHANGED = "changed"
    UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True, kw_only=True)
class FileFault:
    """One file that is wrong.

    Attributes:
        name: its path below the checkpoint's folder.
        fault: how it is wrong.
        detail: by how much, or why, in words; may be empty.
    """

    name: str
    fault: Fault
    detail: str = ""

    def __str__(self) -> str:
        return f"{self.name}: {self.fault}" + (f" ({self.detail})" if self.detail else "")


@dataclass(frozen=True, slots=True, kw_only=True)
class FilesProgress:
    """How far a walk over files is.

    Attributes:
        doing: a word such as `verifying`.
        name: the file in hand.
    """

    doing: str
    name: str
    done_bytes: int
    total_bytes: int


#: Told as bytes go by, from the thread that does the work. What it raises ends the work.
Report: TypeAlias = Callable[[FilesProgress], None]
