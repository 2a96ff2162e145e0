"""The JSON that goes out: what a finished video is over HTTP, and what there is of them."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from msgspec import Struct

from adapters.http.representations import GENERATIONS, OUTPUTS
from application.browse_library import Lineage
from application.take_excerpts import layout_of, video_of
from domain.excerpts import SheetLayout
from domain.generation import GenerationRequest
from domain.job_event import JobStatus
from domain.library import Facets, LibraryEntry, OutputState
from domain.run_record import Measured
from domain.video import VideoFile


class OutputLinks(Struct, frozen=True, kw_only=True):
    """Where the rest is.

    Attributes:
        generation: whose video it is.
        video: the file; null while it is deleted.
        thumbnail: one frame, as WebP.
        spritesheet: many small frames in one WebP.
        manifest: how it was made.
    """

    generation: str
    video: str | None
    thumbnail: str
    spritesheet: str
    manifest: str


class Relative(Struct, frozen=True, kw_only=True):
    """A generation that came of another.

    Attributes:
        how: `made_from` it, or `retry_of` it.
    """

    id: str
    how: str
    status: JobStatus


class Output(Struct, frozen=True, kw_only=True):
    """A finished video.

    Attributes:
        id: its generation's.
        ways: how else it was computed than by default, such as `attention`; those decide its bits, too.
        request: complete: sent again to a server that computes so, it makes the same video.
        video: the file's facts.
        spritesheet: how the frames of the spritesheet lie.
        measured: what making it took; null where that is not known.
        client: who asked for it.
        rating: stars, 1 to 5; 0 where none were given.
        favourite: whether it is one.
        deleted_at: when it was deleted; null where it was not.
        retry_of: the generation that was asked for again with it.
        made_from: the generation whose video, or a frame of it, it begins with.
        continued_by: what was made from it or asked for again, oldest first; null in lists.
        links: where the rest is.
    """

    id: str
    request: GenerationRequest
    video: VideoFile
    spritesheet: SheetLayout
    measured: Measured | None
    client: str
    rating: int
    favourite: bool
    deleted_at: datetime | None
    created_at: datetime
    finished_at: datetime | None
    retry_of: str | None
    made_from: str | None
    continued_by: Sequence[Relative] | None
    links: OutputLinks


class FacetValue(Struct, frozen=True, kw_only=True):
    """How many videos have a value.

    Attributes:
        value: as the filter takes it.
        count: how many videos there are of it.
    """

    value: str
    count: int


class OutputFacets(Struct, frozen=True, kw_only=True):
    """How many videos there are of each value: what is looked for is, but for what is chosen of the same kind.

    Attributes:
        total: how many fit all that is looked for.
        checkpoint, lora, size, rating, favourite: of each such value; the most first.
    """

    total: int
    checkpoint: Sequence[FacetValue]
    lora: Sequence[FacetValue]
    size: Sequence[FacetValue]
    rating: Sequence[FacetValue]
    favourite: Sequence[FacetValue]


class OutputPage(Struct, frozen=True, kw_only=True):
    """Some finished videos.

    Attributes:
        next_cursor: the `cursor` of the next page; null where this is the last.
        facets: with the first page only; null with later ones.
    """

    data: Sequence[Output]
    next_cursor: str | None
    facets: OutputFacets | None


class Manifest(Struct, frozen=True, kw_only=True):
    """How a video was made, and what proves that a file is it.

    Attributes:
        sha256: of the whole file.
        version: of the Wan Studio that made it, as its file says; null where it does not.
        weights: a short hash of each part of the checkpoint; null where the file has none.
        memory_rung: from 1 on, its pictures were decoded in tiles; at 2, on the CPU.
        ways: how else it was computed than by default, such as `attention`; those decide its bits, too.
        request: complete: sent again to a server that computes so, it makes the same video.
        video: the file's facts.
        measured: what making it took; null where that is not known.
        attempts: how many times it was started.
    """

    id: str
    sha256: str
    version: str | None
    weights: Mapping[str, str] | None
    memory_rung: int
    ways: Mapping[str, str]
    request: GenerationRequest
    video: VideoFile
    measured: Measured | None
    attempts: int
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None


def output(entry: LibraryEntry, lineage: Lineage | None = None) -> Output:
    """How `entry`, which has a video, is shown."""
    job, video = entry.job, video_of(entry)
    place = f"{OUTPUTS}/{job.id}"
    return Output(
        id=job.id,
        request=job.request,
        video=video,
        spritesheet=layout_of(video),
        measured=job.measured,
        client=job.client,
        rating=entry.rating,
        favourite=entry.is_favourite,
        deleted_at=entry.deleted_at,
        created_at=job.created_at,
        finished_at=job.finished_at,
        retry_of=job.retry_of,
        made_from=job.made_from,
        continued_by=_relatives(job.id, lineage) if lineage else None,
        links=OutputLinks(
            generation=f"{GENERATIONS}/{job.id}",
            video=None if entry.state is OutputState.DELETED else f"{place}/video",
            thumbnail=f"{place}/thumbnail",
            spritesheet=f"{place}/spritesheet",
            manifest=f"{place}/manifest",
        ),
    )


def facets(counts: Facets) -> OutputFacets:
    """How `counts` are shown."""
    return OutputFacets(
        total=counts.total,
        checkpoint=_values(counts.checkpoints),
        lora=_values(counts.loras),
        size=_values(counts.sizes),
        rating=_values(counts.ratings),
        favourite=_values({str(is_so).lower(): n for is_so, n in counts.favourites.items()}),
    )


def manifest(entry: LibraryEntry, recipe: Mapping[str, Any]) -> Manifest:
    """How `entry` was made. `recipe`: what its file says."""
    job, video = entry.job, video_of(entry)
    return Manifest(
        id=job.id,
        sha256=video.sha256,
        version=recipe.get("version"),
        weights=recipe.get("weights"),
        memory_rung=recipe.get("memory_rung", 0),
        ways=recipe.get("ways", {}),
        request=job.request,
        video=video,
        measured=job.measured,
        attempts=job.fence,
        created_at=job.created_at,
        started_at=job.started_at,
        finished_at=job.finished_at,
    )


def _relatives(job_id: str, lineage: Lineage) -> Sequence[Relative]:
    return [
        Relative(
            id=job.id,
            how="retry_of" if job.retry_of == job_id else "made_from",
            status=job.status,
        )
        for job in lineage.descendants
    ]


def _values(counts: Mapping[Any, int]) -> Sequence[FacetValue]:
    ordered = sorted(counts.items(), key=lambda item: (-item[1], str(item[0])))
    return [FacetValue(value=str(value), count=count) for value, count in ordered]
