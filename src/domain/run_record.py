"""What runs took on this machine, and what that says of the next one of the same kind."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Final

from domain.generation import GenerationRequest
from domain.placement import Placement
from domain.progress import Stage

#: Runs that a prediction looks back on.
REMEMBERED: Final = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """One whole run, from the order to the last byte of its file.

    Attributes:
        seconds: of each stage.
        accelerator_bytes: the most that was allocated there at once; None where there is none.
        host_bytes: the most host memory the process had resident; None where that cannot be told.
        joules: what the accelerator took, all of it, whoever used it besides; None where there is none,
            where its driver does not tell, and in records of earlier versions.
    """

    seconds: Mapping[Stage, float]
    accelerator_bytes: int | None
    host_bytes: int | None
    joules: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PastRun:
    """What was measured of a run, and how it was placed.

    Attributes:
        tokens: what one forward of a transformer attended over.
        forwards: of the transformers.
    """

    placement: Placement
    tokens: int
    forwards: int
    measured: Measured


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRecord:
    """A run, and whose it was. `kind`: what it shares with runs that take the same."""

    job_id: str
    kind: str
    run: PastRun


@dataclass(frozen=True, slots=True, kw_only=True)
class KindSummary:
    """What the next run of a kind and placement would take if it had as many forwards as the last one.

    Attributes:
        kind: as `run_kind` spells it.
        placement: where the parts lay.
        runs: how many it is the median of, `REMEMBERED` at most.
        tokens: what one forward attends over.
        forwards: of the transformers.
        seconds: of each stage.
        accelerator_bytes: at the peak; None where no run told.
        host_bytes: at the peak; None where no run told.
        joules: None where no run told.
    """

    kind: str
    placement: Placement
    runs: int
    tokens: int
    forwards: int
    seconds: Mapping[Stage, float]
    accelerator_bytes: int | None
    host_bytes: int | None
    joules: float | None


def run_kind(request: GenerationRequest) -> str:
    """What two runs must share to take the same memory, and the same time for each forward."""
    begins = "video" if request.video else "image" if request.image else "text"
    size = f"{request.width}x{request.height}x{request.num_frames}"
    references = f" {len(request.references)} references" if request.references else ""
    cache = f" step cache {request.step_cache}" if request.step_cache else ""
    names = ", ".join(sorted(use.name for use in request.loras))
    loras = f" LoRAs {names}" if names else ""
    return f"{request.checkpoint} {size} {begins}{references}{cache}{loras}"


def placed_as(placement: Placement, history: Sequence[PastRun]) -> Sequence[PastRun]:
    """The last runs that were placed so. `history`: of one kind, newest first."""
    return [past for past in history if past.placement == placement][:REMEMBERED]


def predicted_seconds(runs: Sequence[PastRun], *, forwards: int) -> Mapping[Stage, float] | None:
    """Each stage's median, denoising by the forward; None before there is any run.

    The first run of a process also loads: as soon as there are three, the median knows no loading.
    """
    if not runs:
        return None
    stages = {stage for past in runs for stage in past.measured.seconds}
    return {
        stage: round(median(_seconds(past, stage, forwards) for past in runs), 3)
        for stage in sorted(stages, key=lambda stage: stage.order)
    }


def median_accelerator_bytes(runs: Sequence[PastRun]) -> int | None:
    """None where no run told."""
    return _median([past.measured.accelerator_bytes for past in runs])


def median_host_bytes(runs: Sequence[PastRun]) -> int | None:
    """None where no run told."""
    return _median([past.measured.host_bytes for past in runs])


def summarize(records: Sequence[RunRecord]) -> Sequence[KindSummary]:
    """Of each kind and placement among `records`, newest first both of them: what estimates rest on."""
    summaries, seen = [], set()
    for record in records:
        kind, placement = record.kind, record.run.placement
        if (kind, placement) in seen:
            continue
        seen.add((kind, placement))
        runs = placed_as(placement, [other.run for other in records if other.kind == kind])
        joules = [told for past in runs if (told := past.measured.joules) is not None]
        summaries.append(
            KindSummary(
                kind=kind,
                placement=placement,
                runs=len(runs),
                tokens=record.run.tokens,
                forwards=record.run.forwards,
                seconds=predicted_seconds(runs, forwards=record.run.forwards) or {},
                accelerator_bytes=median_accelerator_bytes(runs),
                host_bytes=median_host_bytes(runs),
                joules=median(joules) if joules else None,
            )
        )
    return summaries


def _seconds(past: PastRun, stage: Stage, forwards: int) -> float:
    seconds = past.measured.seconds.get(stage, 0.0)
    return seconds * forwards / past.forwards if stage is Stage.DENOISING else seconds


def _median(told: Sequence[int | None]) -> int | None:
    known = [value for value in told if value is not None]
    return int(median(known)) if known else None
