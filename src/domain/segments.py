"""How a video that is longer than its checkpoint holds together is made: one segment after another.

Source: `WanAnimatePipeline` of diffusers 0.42, as Wan2.2's `wan/animate.py` does it. Every segment is as long
as those that the checkpoint was trained on, so that the last one may go on past the video's end.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

#: Frames that a segment shares with the one before: it begins with that one's last, which is not shown again.
#: Source: `prev_segment_conditioning_frames` there, `refert_num` here.
OVERLAP: Final = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Segments:
    """Those of one video; numbered from 0.

    Attributes:
        length: frames of the video.
        num_frames: of each segment: all of the video's where there is only one.
    """

    length: int
    num_frames: int

    @property
    def count(self) -> int:
        """How many there are."""
        return 1 + -(-(self.length - self.num_frames) // (self.num_frames - OVERLAP or 1))

    @property
    def made_frames(self) -> int:
        """How long the video could be for as much work."""
        return self.num_frames + (self.count - 1) * (self.num_frames - OVERLAP)

    def led_by(self, number: int) -> Sequence[int]:
        """Which frames of what leads the video lead that segment: past its end, backwards and so on.

        Source: `pad_video_frames` there.
        """
        first = number * (self.num_frames - OVERLAP)
        period = 2 * (self.length - 1) or 1
        turns = (frame % period for frame in range(first, first + self.num_frames))
        return [min(turn, period - turn) for turn in turns]

    def shown(self, number: int) -> range:
        """Which of that segment's own frames are the video's."""
        first = number * (self.num_frames - OVERLAP)
        return range(OVERLAP if number else 0, min(self.num_frames, self.length - first))

    def told(self, *, steps: int) -> Sequence[str]:
        """A sentence where there are several. `steps`: of all."""
        if self.count == 1:
            return ()
        told = (
            f"It is made in {self.count} segments of {self.num_frames} frames, {steps} steps in all, each "
            "beginning with the last frame of the one before"
        )
        if self.made_frames == self.length:
            return (f"{told}.",)
        return (f"{told}: as many as {self.made_frames} frames would take.",)
