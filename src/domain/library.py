"""Generations as their owner finds them again: finished videos rated, deleted, brought back, removed for good.

A finished job never changes; what its owner makes of it does, and is kept beside it.

none -> kept <-> deleted -> removing -> removed. `removing` is an intent that is kept before the file goes,
so that whoever comes after a crash can finish it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from domain.errors import OutputMissing
from domain.job import Job
from domain.job_event import JobStatus
from domain.library_errors import NotDeletable, NotRestorable

#: Stars; 0 is none given.
MAX_RATING: Final = 5


class OutputState(StrEnum):
    """Where a generation's video is; `NONE` where none was made."""

    NONE = "none"
    KEPT = "kept"
    DELETED = "deleted"
    REMOVING = "removing"
    REMOVED = "removed"


class Order(StrEnum):
    """In which order videos are listed: that in which they were asked for, or the other way round."""

    NEWEST = "newest"
    OLDEST = "oldest"


@dataclass(slots=True, kw_only=True)
class LibraryEntry:
    """One generation, and what its owner has made of it.

    Attributes:
        since: when its video came to be in its state; None where there is none.
        rating: 0 (not rated) to `MAX_RATING`.
        is_hidden: whether the generation itself was deleted, and is listed no more.
    """

    job: Job
    state: OutputState = OutputState.NONE
    since: datetime | None = None
    rating: int = 0
    is_favourite: bool = False
    is_hidden: bool = False

    @property
    def has_video(self) -> bool:
        """Whether there is a file, be it deleted but still to be brought back."""
        return self.state in {OutputState.KEPT, OutputState.DELETED}

    @property
    def deleted_at(self) -> datetime | None:
        return self.since if self.state is OutputState.DELETED else None

    def expect_video(self) -> None:
        """Raise `OutputMissing`, which says why, where there is no file."""
        if self.has_video:
            return
        if self.state is OutputState.NONE:
            raise OutputMissing(f"The generation has no video: it is {self.job.status}.")
        raise OutputMissing("The generation's video was deleted, and is gone.")

    def judge(self, *, rating: int | None = None, is_favourite: bool | None = None) -> None:
        """Keep what its owner thinks of the video; None leaves as it is.

        Raises:
            OutputMissing: there is no video.
        """
        self.expect_video()
        self.rating = self.rating if rating is None else rating
        self.is_favourite = self.is_favourite if is_favourite is None else is_favourite

    def delete_video(self, *, at: datetime) -> None:
        """To be removed some time; until then it can be restored. Doing it again does nothing.

        Raises:
            OutputMissing: there is no video.
        """
        self.expect_video()
        if self.state is OutputState.KEPT:
            self.state, self.since = OutputState.DELETED, at

    def delete_generation(self, *, at: datetime) -> None:
        """The same, and the generation is listed no more. One without a video is just that.

        Raises:
            NotDeletable: it is not over.
        """
        if not self.job.status.is_terminal:
            raise NotDeletable(
                f"The generation is {self.job.status}: cancel it before deleting it."
            )
        self.is_hidden = True
        if self.has_video:
            self.delete_video(at=at)

    def restore_video(self, *, at: datetime) -> None:
        """As if it had not been deleted, nor its generation. Doing it again does nothing.

        Raises:
            NotRestorable: the file is gone, or going.
            OutputMissing: there never was one.
        """
        if self.state in {OutputState.REMOVING, OutputState.REMOVED}:
            raise NotRestorable
        self.expect_video()
        self.restore_generation(at=at)

    def restore_generation(self, *, at: datetime) -> None:
        """List it again, with its video where that is not gone. Doing it again does nothing.

        However old the video is, it has its whole time again: somebody wanted it.
        """
        self.is_hidden = False
        if self.state is OutputState.DELETED:
            self.state, self.since = OutputState.KEPT, at

    def begin_removal(self, *, at: datetime) -> None:
        """From here on the file goes, whatever dies. Doing it again does nothing.

        Raises:
            NotDeletable: it was not deleted, or was restored meanwhile.
        """
        if self.state is OutputState.DELETED:
            self.state, self.since = OutputState.REMOVING, at
        elif self.state is not OutputState.REMOVING:
            raise NotDeletable(f"The video is {self.state}, not deleted.")

    def end_removal(self, *, at: datetime) -> None:
        """The file is gone. Doing it again does nothing.

        Raises:
            NotDeletable: nobody had begun to remove it.
        """
        if self.state is OutputState.REMOVING:
            self.state, self.since = OutputState.REMOVED, at
        elif self.state is not OutputState.REMOVED:
            raise NotDeletable(f"The video is {self.state}: nobody had begun to remove it.")


def state_of(status: JobStatus) -> OutputState:
    """Where the video of a job is that nobody has deleted."""
    return OutputState.KEPT if status is JobStatus.COMPLETED else OutputState.NONE


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """What is looked for: all of it at once; of several values of one kind, any. Silence means anything.

    Attributes:
        text: words of the prompt, or their beginnings, in any order.
        sizes: as `size_of` spells them.
        since, until: when it was asked for; from the first, and before the second.
        min_rating: at least so many stars.
        client: whose it is.
    """

    text: str | None = None
    checkpoints: tuple[str, ...] = ()
    loras: tuple[str, ...] = ()
    sizes: tuple[str, ...] = ()
    since: datetime | None = None
    until: datetime | None = None
    min_rating: int = 0
    is_favourite: bool | None = None
    client: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Facets:
    """How many videos there are of each value, whatever is chosen of that kind: as if it were not.

    Attributes:
        total: how many fit all that is looked for.
        ratings: by stars, 0 for none.
        favourites: by whether they are.
    """

    total: int
    checkpoints: Mapping[str, int] = field(default_factory=dict)
    loras: Mapping[str, int] = field(default_factory=dict)
    sizes: Mapping[str, int] = field(default_factory=dict)
    ratings: Mapping[int, int] = field(default_factory=dict)
    favourites: Mapping[bool, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """How many videos share these values."""

    checkpoint: str
    size: str
    rating: int
    is_favourite: bool
    count: int


def facets_of(tallies: Sequence[Tally], filters: Filters, loras: Mapping[str, int]) -> Facets:
    """What `tallies`, already of what fits the rest of `filters`, say of each kind.

    Args:
        loras: counted apart, as a video may have several.
    """
    chosen: Mapping[str, Callable[[Tally], bool]] = {
        "checkpoint": lambda t: not filters.checkpoints or t.checkpoint in filters.checkpoints,
        "size": lambda t: not filters.sizes or t.size in filters.sizes,
        "rating": lambda t: t.rating >= filters.min_rating,
        "is_favourite": lambda t: filters.is_favourite in {None, t.is_favourite},
    }

    def counted(kind: str) -> dict[Any, int]:  # of whatever type that field of a tally has
        counts: dict[Any, int] = {}
        for tally in tallies:
            if all(rule(tally) for name, rule in chosen.items() if name != kind):
                value = getattr(tally, kind)
                counts[value] = counts.get(value, 0) + tally.count
        return counts

    return Facets(
        total=sum(t.count for t in tallies if all(rule(t) for rule in chosen.values())),
        checkpoints=counted("checkpoint"),
        sizes=counted("size"),
        ratings=counted("rating"),
        favourites=counted("is_favourite"),
        loras=loras,
    )


def size_of(width: int, height: int) -> str:
    """A size as filters name it, such as `832x480`."""
    return f"{width}x{height}"
