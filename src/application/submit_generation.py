"""Accept a generation: from here on it is never lost."""

import logging
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace

from application.disk_gate import DiskGate
from application.dispatch_jobs import DispatchJobs
from application.own_jobs import OwnJobs
from application.own_uploads import OwnUploads
from application.plan_generation import PlanGeneration
from application.submission import Asked, Submission
from domain.access import LOCAL, Caller, Room, check_cost
from domain.errors import InvalidRequest, UnknownJob, Violation
from domain.job import Job
from domain.ports.clock import Clock
from domain.ports.job_repository import JobRepository
from domain.webhook import WebhookRules

_log = logging.getLogger(__name__)


def new_id() -> str:
    """A random 128-bit id; nobody can guess another's."""
    return f"gen_{secrets.token_hex(16)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What is accepted, whoever asks.

    Attributes:
        waiting: how many may wait, everybody's; None for any number.
        job_cost: see `domain.access.job_cost`; None for any.
        webhooks: whom a generation may name to be told; nobody by default.
    """

    waiting: int | None = None
    job_cost: int | None = None
    webhooks: WebhookRules = field(default_factory=WebhookRules)


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """The durable job. `is_replayed`: it was accepted before, under the same key."""

    job: Job
    is_replayed: bool


class SubmitGeneration:
    """Completes the draft, plans it, and keeps the job with its first event in one commit."""

    def __init__(
        self,
        plan: PlanGeneration,
        repository: JobRepository,
        gate: DiskGate,
        dispatch: DispatchJobs,
        clock: Clock,
        new_id: Callable[[], str] = new_id,
        *,
        caller: Caller = LOCAL,
        uploads: OwnUploads | None = None,
        limits: Limits | None = None,
    ) -> None:
        """Without `uploads`, a draft may name any; without `limits`, there are none but the caller's."""
        self._caller = caller
        self._uploads = uploads
        self._limits = limits or Limits()
        self._plan = plan
        self._repository = repository
        self._gate = gate
        self._dispatch = dispatch
        self._clock = clock
        self._new_id = new_id

    async def execute(self, submission: Submission) -> Accepted:
        """The queued job, already durable; or the one that this very submission made before.

        Raises:
            InvalidRequest, CheckpointUnavailable: it cannot be done, or is said to be made from nothing.
            DoesNotFit: not with the memory of this machine.
            ScopeMissing: it would go before others, which is not the caller's to ask.
            ShareUsedUp, QueueFull: there is no room in line.
            KeyReused: its key was used for something else.
            DiskFull: it cannot be kept.
        """
        # Before anything is judged: what was accepted once stays so, whatever is missing by now.
        return await self._made_before(submission) or await self._accept(submission)

    async def derive_and_execute(
        self, asked: Asked, derive: Callable[[], Awaitable[Submission]]
    ) -> Accepted:
        """The same, where more than was said is needed to know what is wanted: that may be gone by now.

        Args:
            derive: makes of `asked` what is submitted; left alone where the same was accepted before.

        Raises:
            DomainError: as `execute` does, and whatever `derive` raises.
        """
        return await self._made_before(asked) or await self._accept(await derive())

    async def _accept(self, submission: Submission) -> Accepted:
        if not self._caller.is_local:
            submission = replace(submission, client=self._caller.client)
        self._caller.demand_place(priority=submission.priority, preempts=submission.preempts)
        if submission.webhook_url is not None:
            self._limits.webhooks.check(submission.webhook_url)
        self._gate.refuse_if_full()
        await self._expect_origin(submission.made_from)
        if self._uploads is not None:
            await self._uploads.refuse_others(submission.draft)
        request, plan = await self._plan.execute(submission.draft)
        for cap in (self._limits.job_cost, self._caller.job_cost):
            check_cost(request, cap)
        job = Job.submit(
            self._new_id(),
            request,
            at=self._clock.now(),
            plan=plan,
            client=submission.client,
            priority=submission.priority,
            preempts=submission.preempts,
            made_from=submission.made_from,
            made_as=submission.made_as,
            traceparent=submission.traceparent,
            webhook_url=submission.webhook_url,
        )
        room = Room(total=self._limits.waiting, share=self._caller.share)
        kept = await self._repository.add(job, key=submission.key(), room=room)
        if kept.id != job.id:  # the same came twice at once
            return Accepted(job=kept, is_replayed=True)
        _log.info("submitted", extra={"job_id": kept.id, "checkpoint": request.checkpoint})
        await self._dispatch.make_way(kept)
        return Accepted(job=kept, is_replayed=False)

    async def _made_before(self, asked: Asked) -> Accepted | None:
        if not self._caller.is_local:
            asked = replace(asked, client=self._caller.client)
        key = asked.key()
        known = await self._repository.find(key, at=self._clock.now()) if key else None
        return Accepted(job=known, is_replayed=True) if known else None

    async def _expect_origin(self, job_id: str | None) -> None:
        if job_id is None:
            return
        try:
            await OwnJobs(self._repository, self._caller).get(job_id)
        except UnknownJob as error:
            violation = Violation(
                pointer="/made_from", reason=f"no generation has the id {job_id!r}"
            )
            raise InvalidRequest([violation]) from error
