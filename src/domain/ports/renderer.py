"""Somewhere a video can be rendered."""

from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator

from domain.rendering import RenderOrder, RenderReport


class Renderer(ABC):
    """Renders one order at a time; where and how is its secret."""

    @abstractmethod
    def render(self, order: RenderOrder) -> AsyncGenerator[RenderReport, None]:
        """Carry out `order`, yielding progress as it comes and `VideoStaged` last.

        Reports come in the order they happened; `StepFinished` never falls. `RunMeasured`, where the
        run is measured, comes right before the last. A `StillRunning` comes only where nothing else did for
        `domain.watchdog.MOMENT_S`. Closing the iterator early stops the run.

        Raises:
            RenderCancelled: `cancel` was called for this job.
            RenderSuspended: `suspend` was called for this job; what it had made is saved.
            WorkerUnavailable: no process could be started for it; nothing was tried.
            WorkerCrashed: the process that rendered it died; the message has exit code or signal.
            RenderError: the run failed; another attempt would too.
            CheckpointUnavailable: the weights cannot be used.
            StorageError: the file could not be written.
        """

    @abstractmethod
    async def cancel(self, job_id: str) -> None:
        """Stop rendering that job, soon and for certain; nothing happens if it is not being rendered.

        Returns at once; `render` then raises `RenderCancelled`.
        """

    @abstractmethod
    async def suspend(self, job_id: str) -> None:
        """Stop rendering that job at the end of its present step, a resume point saved there.

        Nothing happens if it is not being rendered. Returns at once; `render` then raises
        `RenderSuspended`, or goes on to `VideoStaged` where hardly anything was left to do.
        """

    @abstractmethod
    async def close(self) -> None:
        """Stop whatever runs, leave no process behind and keep no weights.

        Calling it again does nothing. Another `render` may follow; it loads anew.
        """
