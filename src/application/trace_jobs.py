"""Export the trace of each job that is over, under whatever trace it was asked for in."""

from application.follow_log import FollowLog
from domain.job_event import JobEvent
from domain.job_trace import trace_of
from domain.ports.event_log import EventLog
from domain.ports.job_repository import JobRepository
from domain.ports.span_exporter import SpanExporter


class TraceJobs(FollowLog):
    """Makes it of the job's own history, so that attempts of servers before this one are in it."""

    def __init__(
        self, event_log: EventLog, repository: JobRepository, exporter: SpanExporter
    ) -> None:
        super().__init__(event_log)
        self._repository = repository
        self._exporter = exporter

    async def _note(self, event: JobEvent) -> None:
        if not event.status.is_terminal:
            return
        job = await self._repository.get(event.job_id)
        events: list[JobEvent] = []
        after = 0
        while page := await self._event_log.read(after=after, job_id=job.id):
            events += [logged.event for logged in page]
            after = page[-1].number
        self._exporter.export(trace_of(job, events), under=job.traceparent)
