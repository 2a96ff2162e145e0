"""A checkpoint as a thing that was put on the disk: by whom, from where, and how large.

Whether it can be used is another question: see `domain.local_checkpoint`.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path

from domain.checkpoint_manifest import Manifest
from domain.repository import Listing
from domain.store_errors import (
    CheckpointUnverifiable,
    NotConvertible,
    NotRemovable,
    PlaceTaken,
)


class Origin(StrEnum):
    """How its files came to lie there."""

    EMBEDDED = "embedded"
    PULLED = "pulled"
    ADOPTED = "adopted"
    CONVERTED = "converted"
    PLACED = "placed"


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredCheckpoint:
    """One that has a folder.

    Attributes:
        size_bytes: of its files, wherever they lie.
        own_bytes: of those that removing it would free: an adopted one's lie elsewhere, and stay.
        put_at: when it was put there.
        used_at: when it was last used, or put there where it was not used since.
        manifest: None where nothing says what its files should be.
    """

    checkpoint_id: str
    folder: Path
    origin: Origin
    size_bytes: int
    own_bytes: int
    put_at: datetime
    used_at: datetime
    manifest: Manifest | None

    @property
    def source(self) -> str:
        """Where it came from, in words."""
        match self.origin, self.manifest:
            case Origin.PULLED, Manifest(repository=repository, revision=revision):
                return f"{repository} at {(revision or '')[:12]}"
            case Origin.ADOPTED, Manifest(adopted_from=files):
                return ", ".join(files)
            case Origin.CONVERTED, Manifest(repository=str() as repository, revision=revision):
                parts = " and ".join(self.promised.recast)
                return f"{repository} at {(revision or '')[:12]}, {parts} converted here"
            case Origin.CONVERTED, Manifest(converted_from=files):
                return ", ".join(files)
            case Origin.EMBEDDED, _:
                return "ships with Wan Studio"
        return "put there by hand"

    @property
    def told_use(self) -> str:
        """When it was last of use, in words."""
        if self.used_at <= self.put_at:
            return f"put there {self.put_at:%Y-%m-%d}, not used since"
        return f"last used {self.used_at:%Y-%m-%d}"

    @property
    def is_short(self) -> bool:
        """Whether it plainly lacks something of what its manifest names; one that does not may be wrong."""
        return self.manifest is not None and self.size_bytes < self.manifest.size_bytes

    @property
    def promised(self) -> Manifest:
        """What its files should be.

        Raises:
            CheckpointUnverifiable: nothing says so.
        """
        if self.manifest is None:
            raise CheckpointUnverifiable(
                f"{self.folder} has no manifest: nothing says what its files should be. Put it elsewhere "
                "and adopt it (wan models adopt), and it gets one."
            )
        return self.manifest

    @property
    def is_from_its_repository(self) -> bool:
        """Whether it was pulled, and perhaps converted since."""
        is_ours = self.origin in {Origin.PULLED, Origin.CONVERTED}
        return is_ours and self.manifest is not None and self.manifest.repository is not None

    @property
    def remake(self) -> str:
        """How one that was converted is made again, in words."""
        again = f"convert {self.source} again"
        if self.is_from_its_repository:
            again = f"`wan models pull {self.checkpoint_id} --convert`"
        return f"`wan models remove {self.checkpoint_id}`, then {again}."

    @property
    def is_convertible(self) -> bool:
        """Whether its files are Wan Studio's to replace."""
        return self.origin in {Origin.PULLED, Origin.CONVERTED}

    def refuse_conversion(self) -> None:
        """Do nothing where its files are Wan Studio's to replace.

        Raises:
            NotConvertible: they are others'; the message says what can be done instead.
        """
        if self.is_convertible:
            return
        if self.origin is Origin.EMBEDDED:
            raise NotConvertible(f"{self.checkpoint_id} ships with Wan Studio and stays as it is.")
        lies = self.source if self.origin is Origin.ADOPTED else str(self.folder)
        away = "wan models remove" if self.origin is Origin.ADOPTED else "move away"
        raise NotConvertible(
            f"The files of {self.checkpoint_id} are not Wan Studio's to change: {lies}. To have others made of "
            f"them, {away} {self.checkpoint_id} and name its transformers: wan models convert --high "
            "FOLDER/transformer --low FOLDER/transformer_2 --with FOLDER."
        )

    @property
    def is_removable(self) -> bool:
        """Whether it is Wan Studio's to take away, and that frees something."""
        return self.origin in {Origin.PULLED, Origin.CONVERTED} and self.own_bytes > 0

    def refuse_removal(self) -> None:
        """Do nothing where it is Wan Studio's to take away.

        Raises:
            NotRemovable: it ships with Wan Studio, or others put it there.
        """
        if self.origin is Origin.EMBEDDED:
            raise NotRemovable(f"{self.checkpoint_id} ships with Wan Studio and stays.")
        if self.origin is Origin.PLACED:
            raise NotRemovable(
                f"Wan Studio did not put {self.folder} there. If it is not needed, remove it yourself."
            )

    def refuse_another(self) -> None:
        """Say that nothing else can be put where this one lies.

        Raises:
            PlaceTaken: always; the message says how to make room.
        """
        remedy = {
            Origin.EMBEDDED: "It ships with Wan Studio and stays.",
            Origin.PLACED: "If it is not needed, remove it yourself.",
        }.get(self.origin, f"wan models remove {self.checkpoint_id} takes it away.")
        raise PlaceTaken(
            f"{self.checkpoint_id} is here already: {self.folder} ({self.source}). {remedy}"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class UnfinishedTransfer:
    """A pull or a repair that was cut, and can go on."""

    checkpoint_id: str
    listing: Listing
    done_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Removal:
    """What removing a checkpoint did.

    Attributes:
        files: how many were removed.
        freed_bytes: what they took on the disk.
        left: names of files in its folder that others put there.
    """

    files: int
    freed_bytes: int
    left: tuple[str, ...] = ()


def room_makers(
    stored: Iterable[StoredCheckpoint], lacking_bytes: int
) -> Sequence[StoredCheckpoint]:
    """Those whose removal would free `lacking_bytes`: the least recently used, and no more than it takes.

    All that can be removed, where that is not enough.
    """
    makers: list[StoredCheckpoint] = []
    for one in sorted(stored, key=lambda one: one.used_at):
        if lacking_bytes <= 0:
            break
        if one.is_removable:
            makers.append(one)
            lacking_bytes -= one.own_bytes
    return makers
