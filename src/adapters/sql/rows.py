"""Jobs and events as rows, and back."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeVar

import msgspec
from sqlalchemy import RowMapping

from domain.derivation import Derivation
from domain.generation import GenerationRequest
from domain.job import Job
from domain.job_event import Failure, JobEvent, JobStatus
from domain.library import LibraryEntry, OutputState
from domain.memory_plan import MemoryPlan
from domain.ports.event_log import LoggedEvent
from domain.progress import Stage
from domain.run_record import Measured, PastRun, run_kind
from domain.toll import Toll
from domain.video import VideoFile

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True, kw_only=True)
class _State:
    """What no query asks for: the column `state`."""

    stage: Stage | None
    step: int
    toll: Toll
    furthest: tuple[int, int]
    resume_step: int
    measured: Measured | None = None
    furthest_saved: int = 0  # rows of older versions have none
    notices: tuple[str, ...] = ()  # nor these
    traceparent: str | None = None
    webhook_url: str | None = None
    first_plan: MemoryPlan | None = None


def job_to_row(job: Job) -> dict[str, object]:
    """Every column of `jobs` but `sequence`, which the database gives, and its place in line."""
    return {
        "id": job.id,
        "status": job.status.value,
        "client": job.client,
        "priority": job.priority,
        "preempts": int(job.preempts),
        "fence": job.fence,
        "slot": job.slot,
        "run_after": instant_to_text(job.run_after),
        "retry_of": job.retry_of,
        "made_from": job.made_from,
        "made_as": job.made_as.value if job.made_as else None,
        "kind": run_kind(job.request) if job.past_run else None,
        "created_at": instant_to_text(job.created_at),
        "started_at": instant_to_text(job.started_at),
        "finished_at": instant_to_text(job.finished_at),
        "cancel_requested_at": instant_to_text(job.cancel_requested_at),
        "request": _to_json(job.request),
        "plan": _to_json(job.plan),
        "state": _to_json(
            _State(
                stage=job.stage,
                step=job.step,
                toll=job.toll,
                furthest=job.furthest,
                resume_step=job.resume_step,
                measured=job.measured,
                furthest_saved=job.furthest_saved,
                notices=job.notices,
                traceparent=job.traceparent,
                webhook_url=job.webhook_url,
                first_plan=job.first_plan,
            )
        ),
        "video": _to_json(job.video),
        "failure": _to_json(job.failure),
    }


def row_to_job(row: RowMapping) -> Job:
    """The job that a whole row of `jobs` holds, with no events of its own."""
    created_at = instant(row["created_at"])
    assert created_at is not None, "the schema says NOT NULL"
    state = msgspec.json.decode(row["state"], type=_State)
    return Job(
        id=row["id"],
        request=msgspec.json.decode(row["request"], type=GenerationRequest),
        plan=msgspec.json.decode(row["plan"], type=MemoryPlan),
        first_plan=state.first_plan,
        created_at=created_at,
        client=row["client"],
        priority=row["priority"],
        preempts=bool(row["preempts"]),
        retry_of=row["retry_of"],
        made_from=row["made_from"],
        made_as=Derivation(row["made_as"]) if row["made_as"] else None,
        traceparent=state.traceparent,
        webhook_url=state.webhook_url,
        status=JobStatus(row["status"]),
        stage=state.stage,
        step=state.step,
        fence=row["fence"],
        slot=row["slot"],
        toll=state.toll,
        furthest=state.furthest,
        resume_step=state.resume_step,
        furthest_saved=state.furthest_saved,
        run_after=instant(row["run_after"]),
        notices=state.notices,
        measured=state.measured,
        video=_from_json(row["video"], VideoFile),
        failure=_from_json(row["failure"], Failure),
        started_at=instant(row["started_at"]),
        finished_at=instant(row["finished_at"]),
        cancel_requested_at=instant(row["cancel_requested_at"]),
    )


def row_to_entry(row: RowMapping) -> LibraryEntry:
    """The entry that a whole row of `jobs` and its row of `cards` hold together."""
    return LibraryEntry(
        job=row_to_job(row),
        state=OutputState(row["card_state"]),
        since=instant(row["since"]),
        rating=row["rating"],
        is_favourite=bool(row["favourite"]),
        is_hidden=bool(row["hidden"]),
    )


def entry_to_card(entry: LibraryEntry) -> dict[str, object]:
    """The columns of `cards` that ever change."""
    return {
        "state": entry.state.value,
        "since": instant_to_text(entry.since),
        "rating": entry.rating,
        "favourite": int(entry.is_favourite),
        "hidden": int(entry.is_hidden),
    }


def row_to_past_run(row: RowMapping) -> PastRun:
    """What a row of `jobs` that has a kind, or its `plan` and `state` alone, tells of its run."""
    plan = msgspec.json.decode(row["plan"], type=MemoryPlan)
    state = msgspec.json.decode(row["state"], type=_State)
    assert plan.placement is not None, "a row without a placement has no kind"
    assert state.measured is not None, "nor has one that was not measured"
    return PastRun(
        placement=plan.placement,
        tokens=plan.tokens,
        forwards=plan.forwards,
        measured=state.measured,
    )


def event_to_row(event: JobEvent) -> dict[str, object]:
    """Every column of `events` but `number`, which the database gives."""
    return {"job_id": event.job_id, "event": _to_json(event)}


def row_to_event(row: RowMapping) -> LoggedEvent:
    """The event that a whole row of `events` holds."""
    event = msgspec.json.decode(row["event"], type=JobEvent)
    return LoggedEvent(number=row["number"], event=event)


def instant_to_text(at: datetime | None) -> str | None:
    """Sorts like time."""
    return None if at is None else at.astimezone(UTC).isoformat(timespec="microseconds")


def instant(text: str | None) -> datetime | None:
    """What `instant_to_text` wrote."""
    return None if text is None else datetime.fromisoformat(text)


def _to_json(value: object) -> str | None:
    return None if value is None else msgspec.json.encode(value).decode()


def _from_json(text: str | None, kind: type[_T]) -> _T | None:
    return None if text is None else msgspec.json.decode(text, type=kind)
