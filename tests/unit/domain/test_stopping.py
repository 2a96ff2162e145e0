"""Where a run obeys."""

import pytest

from domain.errors import RenderCancelled, RenderSuspended
from domain.progress import Stage
from domain.rendering import (
    RenderProgress,
    Resumed,
    ResumePointSaved,
    ResumeRejected,
    StageEntered,
    StepFinished,
    StillRunning,
)
from domain.stopping import Stopping

DENOISING = StageEntered(stage=Stage.DENOISING)
ANY_REPORT: list[RenderProgress] = [
    DENOISING,
    StageEntered(stage=Stage.DECODING),
    StepFinished(step=1),
    StillRunning(),
    ResumePointSaved(step=1),
    Resumed(step=1),
    ResumeRejected(reason="x"),
]


@pytest.fixture
def stopping() -> Stopping:
    return Stopping()


@pytest.mark.parametrize("progress", ANY_REPORT, ids=str)
def test_a_run_that_was_asked_nothing_goes_on(progress: RenderProgress, stopping: Stopping) -> None:
    stopping.obey(progress)

    assert not stopping.wants_out


@pytest.mark.parametrize("progress", ANY_REPORT, ids=str)
def test_a_cancel_ends_a_run_at_any_report(progress: RenderProgress, stopping: Stopping) -> None:
    stopping.obey(DENOISING)
    stopping.cancel()

    with pytest.raises(RenderCancelled):
        stopping.obey(progress)


def test_while_denoising_a_suspension_waits_for_a_step_that_was_saved(stopping: Stopping) -> None:
    stopping.obey(DENOISING)
    stopping.suspend()
    assert stopping.wants_out

    stopping.obey(StillRunning())
    stopping.obey(StepFinished(step=3))  # asked too late for this one to be saved
    stopping.obey(StillRunning())
    stopping.obey(ResumePointSaved(step=4))
    with pytest.raises(RenderSuspended):
        stopping.obey(StepFinished(step=4))


def test_a_point_of_an_earlier_step_is_not_this_ones(stopping: Stopping) -> None:
    stopping.obey(DENOISING)
    stopping.obey(ResumePointSaved(step=3))
    stopping.obey(StepFinished(step=3))
    stopping.suspend()

    stopping.obey(StepFinished(step=4))


@pytest.mark.parametrize(
    "stage", [Stage.ENCODING_PROMPT, Stage.DECODING, Stage.ENCODING_VIDEO], ids=str
)
def test_elsewhere_a_suspension_ends_a_run_at_the_next_report(
    stage: Stage, stopping: Stopping
) -> None:
    stopping.obey(DENOISING)
    stopping.obey(StageEntered(stage=stage))
    stopping.suspend()

    with pytest.raises(RenderSuspended):
        stopping.obey(StillRunning())


def test_a_run_is_suspended_before_it_denoises_at_all(stopping: Stopping) -> None:
    stopping.suspend()

    with pytest.raises(RenderSuspended):
        stopping.obey(Resumed(step=2))


def test_a_cancel_comes_before_a_suspension(stopping: Stopping) -> None:
    stopping.suspend()
    stopping.cancel()

    with pytest.raises(RenderCancelled):
        stopping.obey(StillRunning())
