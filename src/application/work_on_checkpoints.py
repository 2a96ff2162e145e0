"""Pull, verify or repair a checkpoint beside whatever else the process does, one at a time."""

import logging
import threading
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Final

from application.pull_checkpoint import PullCheckpoint
from application.repair_checkpoint import RepairCheckpoint
from application.verify_checkpoint import VerifyCheckpoint
from domain.checkpoint import checkpoint_spec
from domain.checkpoint_manifest import FileFault, FilesProgress
from domain.errors import DomainError
from domain.ports.clock import Clock
from domain.repository import Listing
from domain.store_errors import CheckpointBusy, NoWork, TransferStopped

_log = logging.getLogger(__name__)

#: Seconds that a stopping process waits for the work to notice; a dead connection may notice later.
_PATIENCE_S: Final = 3.0

#: Seconds of work after which its pace is told.
_PACE_AFTER_S: Final = 2.0


class WorkKind(StrEnum):
    """What is done."""

    PULL = "pull"
    VERIFY = "verify"
    REPAIR = "repair"


class WorkStatus(StrEnum):
    """How far it is."""

    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckpointWork:
    """Work on one checkpoint, under way or over.

    Attributes:
        checkpoint_id: whose files are worked on.
        kind: what is done.
        status: how far it is.
        started_at: when it began.
        progress: the last that was told; None before anything was.
        bytes_per_s: how fast bytes have come, or were read, since the first; None for the first seconds.
        faults: what a verification found, or a repair mended.
        code, message: why it failed; None where it did not.
    """

    checkpoint_id: str
    kind: WorkKind
    status: WorkStatus
    started_at: datetime
    finished_at: datetime | None = None
    progress: FilesProgress | None = None
    bytes_per_s: int | None = None
    faults: Sequence[FileFault] = ()
    code: str | None = None
    message: str | None = None


class WorkOnCheckpoints:
    """Remembers the last work on each checkpoint. Safe to use from any thread.

    What was cut, by `stop`, `close` or a crash, goes on where it was when it is asked for again.
    """

    def __init__(
        self,
        pull: PullCheckpoint,
        verify: VerifyCheckpoint,
        repair: RepairCheckpoint,
        clock: Clock,
    ) -> None:
        self._pull = pull
        self._verify = verify
        self._repair = repair
        self._clock = clock
        self._lock = threading.Lock()
        self._latest: dict[str, CheckpointWork] = {}
        self._stopping: str | None = None  # the checkpoint whose work is to stop
        self._thread: threading.Thread | None = None
        self._is_closed = False

    def start(self, kind: WorkKind, checkpoint_id: str) -> CheckpointWork:
        """Begin the work, in a thread of its own; asked again while it runs, it is the same work.

        Raises:
            UnknownCheckpoint, CheckpointUnavailable, NotPullable: it cannot even be tried.
            CheckpointBusy: other work is under way.
        """
        self._check(kind, checkpoint_id)
        with self._lock:
            running = next((w for w in self._latest.values() if _is_running(w)), None)
            if running is not None:
                if (running.kind, running.checkpoint_id) == (kind, checkpoint_id):
                    return running
                raise CheckpointBusy(
                    f"{running.checkpoint_id} is worked on ({running.kind}): one after the other."
                )
            self._stopping = None
            work = self._latest[checkpoint_id] = CheckpointWork(
                checkpoint_id=checkpoint_id,
                kind=kind,
                status=WorkStatus.RUNNING,
                started_at=self._clock.now(),
            )
            self._thread = threading.Thread(
                target=self._run, args=(work,), name=f"{kind} {checkpoint_id}", daemon=True
            )
            self._thread.start()
        return work

    def offer(self, checkpoint_id: str) -> Listing:
        """What a pull would bring here; see `PullCheckpoint.offer`. Blocks while the hub is asked."""
        return self._pull.offer(checkpoint_id)

    def latest(self, checkpoint_id: str) -> CheckpointWork | None:
        """The last work on that checkpoint since this process began, if any."""
        with self._lock:
            return self._latest.get(checkpoint_id)

    def stop(self, checkpoint_id: str) -> CheckpointWork:
        """Have the work on that checkpoint end at its next chunk; what it has fetched stays. Returns it.

        Nothing happens where it is over. Blocks for a moment, to tell how it ended.

        Raises:
            UnknownCheckpoint: no checkpoint has that id.
            NoWork: nothing was done with it since this process began.
        """
        spec = checkpoint_spec(checkpoint_id)
        with self._lock:
            work, thread = self._latest.get(spec.id), self._thread
            if work is None:
                raise NoWork(f"{spec.id} is not worked on: there is nothing to stop.")
            if not _is_running(work) or thread is None:
                return work
            self._stopping = spec.id
        thread.join(_PATIENCE_S)
        return self._latest[spec.id]

    def close(self) -> None:
        """Stop what runs at its next chunk; begin nothing more."""
        self._is_closed = True
        if self._thread is not None:
            self._thread.join(_PATIENCE_S)

    def _check(self, kind: WorkKind, checkpoint_id: str) -> None:
        match kind:
            case WorkKind.PULL:
                self._pull.check(checkpoint_id)
            case WorkKind.VERIFY:
                self._verify.check(checkpoint_id)
            case WorkKind.REPAIR:
                self._repair.check(checkpoint_id)

    def _run(self, work: CheckpointWork) -> None:
        # What nobody foresaw goes on to the thread's own excepthook, with its traceback.
        ended = replace(
            work, status=WorkStatus.FAILED, code=DomainError.code, message=DomainError.__doc__
        )
        try:
            faults = self._do(work)
            ended = replace(work, status=WorkStatus.COMPLETED, faults=faults)
        except TransferStopped as error:
            ended = replace(work, status=WorkStatus.STOPPED, code=error.code, message=error.message)
        except DomainError as error:
            ended = replace(work, status=WorkStatus.FAILED, code=error.code, message=error.message)
            _log.warning(
                "work on a checkpoint failed",
                extra={"checkpoint": work.checkpoint_id, "kind": work.kind, "code": error.code},
            )
        finally:
            self._end(ended)

    def _do(self, work: CheckpointWork) -> Sequence[FileFault]:
        pace = _Pace()

        def report(progress: FilesProgress) -> None:
            if self._is_closed or self._stopping == work.checkpoint_id:
                raise TransferStopped
            rate = pace.rate(progress.done_bytes, now=self._clock.monotonic())
            with self._lock:
                now = self._latest[work.checkpoint_id]
                self._latest[work.checkpoint_id] = replace(now, progress=progress, bytes_per_s=rate)

        match work.kind:
            case WorkKind.PULL:
                self._pull.execute(work.checkpoint_id, None, report)
            case WorkKind.VERIFY:
                return self._verify.execute(work.checkpoint_id, report).faults
            case WorkKind.REPAIR:
                return self._repair.execute(work.checkpoint_id, report)
        return ()

    def _end(self, ended: CheckpointWork) -> None:
        with self._lock:
            progress = self._latest[ended.checkpoint_id].progress
            self._latest[ended.checkpoint_id] = replace(
                ended, progress=progress, finished_at=self._clock.now()
            )


class _Pace:
    """How fast bytes come."""

    def __init__(self) -> None:
        self._first: tuple[float, int] | None = None

    def rate(self, done_bytes: int, *, now: float) -> int | None:
        """Bytes a second since the first call; None while that is too short to say."""
        if self._first is None:
            self._first = now, done_bytes
        at, here = self._first
        return round((done_bytes - here) / (now - at)) if now - at >= _PACE_AFTER_S else None


def _is_running(work: CheckpointWork) -> bool:
    return work.status is WorkStatus.RUNNING
