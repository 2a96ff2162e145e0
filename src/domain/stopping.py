"""What a run was asked while it runs, and at which of its reports it obeys."""

from domain.errors import RenderCancelled, RenderSuspended
from domain.progress import Stage
from domain.rendering import RenderProgress, ResumePointSaved, StageEntered, StepFinished


class Stopping:
    """One run's. Asked from any thread, obeyed on the run's own."""

    def __init__(self) -> None:
        self._cancelled = False
        self._suspended = False
        self._denoising = False
        self._saved_step: int | None = None

    @property
    def wants_out(self) -> bool:
        """Whether the run was asked to hand its job back: what it has made is then to be saved."""
        return self._suspended

    def cancel(self) -> None:
        """The run is to end, wherever it is."""
        self._cancelled = True

    def suspend(self) -> None:
        """The run is to end where that loses nothing."""
        self._suspended = True

    def obey(self, progress: RenderProgress) -> None:
        """End the run at this report, if it was asked to and this is a place for it.

        A cancel ends it at any report. A suspension waits, while denoising, for a step that was saved;
        elsewhere nothing is lost that the last resume point does not have.

        Raises:
            RenderCancelled, RenderSuspended: it ends here.
        """
        may_leave = self._loses_nothing_at(progress)
        if self._cancelled:
            raise RenderCancelled
        if self._suspended and may_leave:
            raise RenderSuspended

    def _loses_nothing_at(self, progress: RenderProgress) -> bool:
        match progress:
            case StageEntered(stage=stage):
                self._denoising = stage is Stage.DENOISING
                return True
            case ResumePointSaved(step=step):
                self._saved_step = step
                return False  # the step itself is about to be told
            case StepFinished(step=step):
                return step == self._saved_step
        return not self._denoising
