"""What runs took on this machine, which is what estimates rest on."""

from collections.abc import Sequence
from typing import Annotated, Final

from litestar import get
from litestar.di import NamedDependency
from litestar.params import QueryParameter
from msgspec import Struct

from adapters.http.problems import refusals
from domain.access import Scope
from domain.placement import Placement
from domain.ports.run_history import RunHistory
from domain.run_record import KindSummary, Measured, RunRecord, summarize

MAX_RUNS: Final = 200


class Run(Struct, frozen=True, kw_only=True):
    """One run from the first step to the file.

    Attributes:
        generation: whose run it was.
        placement: where the parts lay.
        measured: what it took.
        kind: what it shares with the runs that take the same: checkpoint, size, frames, inputs.
        tokens: what one forward attended over.
        forwards: of the transformers.
    """

    generation: str
    kind: str
    placement: Placement
    tokens: int
    forwards: int
    measured: Measured


class Runs(Struct, frozen=True, kw_only=True):
    """The last runs, newest first.

    Attributes:
        kinds: what those of each kind and placement say of the next one.
    """

    data: Sequence[Run]
    kinds: Sequence[KindSummary]


@get("/api/v1/runs", scope=Scope.ADMIN, tags=["System"], responses=refusals(503))
async def list_runs(
    history: NamedDependency[RunHistory],
    limit: Annotated[int, QueryParameter(ge=1, le=MAX_RUNS, description="How many, at most.")] = 50,
) -> Runs:
    """What the last runs took: seconds of each stage, memory at the peak, energy."""
    records = await history.latest(limit=limit)
    return Runs(data=[_run(record) for record in records], kinds=summarize(records))


def _run(record: RunRecord) -> Run:
    return Run(
        generation=record.job_id,
        kind=record.kind,
        placement=record.run.placement,
        tokens=record.run.tokens,
        forwards=record.run.forwards,
        measured=record.run.measured,
    )
