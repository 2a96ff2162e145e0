"""How often a run is looked at, and at what price."""

from dataclasses import dataclass, field

import pytest

from domain.previews import SHARE, PreviewMaking, PreviewPace, RunPreviews
from domain.progress import Stage
from domain.rendering import Previewed, RenderProgress, StageEntered, StepFinished
from domain.video import FrameChunk
from tests.fakes.clock import FakeClock

DENOISING = StageEntered(stage=Stage.DENOISING)
A_PIXEL = FrameChunk(rgb=memoryview(b"rgb"), num_frames=1, height=1, width=1)


@dataclass
class Studio:
    """A run of steps of `step_s`, whose previews take `preview_s` each."""

    step_s: float
    preview_s: float
    interval_s: float = 0.0
    heard: list[RenderProgress] = field(default_factory=list)

    def run(self, steps: int, began: bool = True) -> list[int]:
        """After which steps there was a preview."""
        clock = FakeClock()

        def encode(frames: FrameChunk, *, duration_s: float) -> bytes:
            clock.advance(self.preview_s)
            return b"%d frames in %g s" % (frames.num_frames, duration_s)

        making = PreviewMaking(encode=encode, interval_s=self.interval_s, monotonic=clock.monotonic)
        previews = RunPreviews(making, self.heard.append, duration_s=2.0)
        if began:
            previews.report(DENOISING)
        for step in range(1, steps + 1):
            clock.advance(self.step_s)
            previews.look(step, lambda: A_PIXEL)
            previews.report(StepFinished(step=step))
        return [told.step for told in self.heard if isinstance(told, Previewed)]


def test_where_steps_are_slow_every_one_is_shown_before_it_is_told() -> None:
    studio = Studio(step_s=5.0, preview_s=0.03)

    shown = studio.run(3)

    assert shown == [1, 2, 3]
    assert studio.heard[:3] == [
        DENOISING,
        Previewed(step=1, image=b"1 frames in 2 s"),
        StepFinished(step=1),
    ]


def test_between_two_there_is_the_interval() -> None:
    assert Studio(step_s=0.5, preview_s=0.0001, interval_s=1.0).run(7) == [1, 3, 5, 7]


@pytest.mark.parametrize(("step_s", "preview_s"), [(0.1, 0.002), (0.1, 0.05), (1.0, 0.2), (9, 1)])
def test_they_take_no_more_than_their_share(step_s: float, preview_s: float) -> None:
    shown = Studio(step_s=step_s, preview_s=preview_s).run(400)

    before_the_last = preview_s * (len(shown) - 1)  # the first is made before its price is known
    assert len(shown) > 1
    assert before_the_last <= SHARE * 400 * step_s * (1 + SHARE)


def test_a_run_that_is_over_at_once_is_not_looked_at() -> None:
    assert Studio(step_s=0.01, preview_s=0.001).run(40) == []


def test_without_denoising_there_is_nothing_to_see() -> None:
    assert Studio(step_s=5.0, preview_s=0.001).run(3, began=False) == []


def test_a_dear_one_is_paid_off_before_the_next() -> None:
    pace = PreviewPace(interval_s=0.0, now=0.0)
    pace.note(began=10.0, now=11.0)

    assert not pace.is_due(now=199.0)
    assert pace.is_due(now=200.0)
