"""What a finished video looks like at first sight: whether there is anything to see, and whether it moves.

A video that is black, of one colour or frozen may be what was asked for: whoever asked is told, and
nothing fails.
"""

from dataclasses import dataclass
from typing import Final

#: All in steps of 255, between means of blocks: what an encoder does to a picture is below them, what is
#: seen of anything above. (A frozen picture of noise comes back from x264, at our quality, with blocks that
#: differ by 1.0; one with a camera's grain on it, by 1.2.)
_FLAT: Final = 3.0
_BLACK: Final = 24.0  # 16 is black
_STILL: Final = 1.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Appearance:
    """Of all frames together, by means of blocks of 16x16 pixels, from 0 to 255.

    Attributes:
        brightness: luma of the brightest block; 16 is black, 235 white.
        contrast: between two blocks of one frame at the most, in luma or chroma.
        motion: between a block and the same one of the first frame at the most, in luma or chroma.
    """

    brightness: float
    contrast: float
    motion: float

    def doubt(self, *, num_frames: int) -> str | None:
        """A sentence for whoever asked for the video; None where there is something to see."""
        if self.contrast <= _FLAT:
            what = "black" if self.brightness <= _BLACK else "of one colour"
            return f"Every frame of the video is {what}, all over: the run may have gone wrong."
        if num_frames > 1 and self.motion <= _STILL:
            return "Nothing moves in the video: all of its frames are alike."
        return None
