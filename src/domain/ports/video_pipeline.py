"""The part that makes frames out of words."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping

from domain.rendering import Report
from domain.resume import ResumePoints
from domain.run import Run
from domain.video import FrameChunk


class VideoPipeline(ABC):
    """An assembled inference: which weights stay in memory, and where, is its secret."""

    @abstractmethod
    def generate(self, run: Run, report: Report, resume: ResumePoints) -> Iterator[FrameChunk]:
        """Make the frames of `run`, handing them out as they are decoded.

        The chunks together hold exactly `num_frames` frames of `height` x `width`. The same request
        on the same machine gives the same bytes. Reports `ENCODING_PROMPT` once what it needs is
        loaded, then `DENOISING` with every step, and `DECODING`; where there are several segments, it may
        go through these with each. Between transformer blocks and between chunks it reports
        `StillRunning`; where it makes previews, `Previewed` right before the step that it shows. Whatever
        `report` or `resume` raises ends the run and leaves the pipeline ready for the next; so does
        closing the iterator.

        Before all that it goes on from what `resume` loads, if an equal run saved it: the video is
        then, byte for byte, that of an unbroken run. Where all steps were done, `DECODING` is the first
        thing reported. A step that is due is saved before it is reported. What is used of each LoRA is
        told, `Noticed`, before anything else.

        Raises:
            OutOfAcceleratorMemory: it does not fit.
            CheckpointBroken: the weights cannot be loaded.
            LoraDoesNotFit: a LoRA does not fit them.
            LoraUnusable: its file cannot be read.
        """

    @abstractmethod
    def ways(self) -> Mapping[str, str]:
        """What beside the request decides the bits of the latest `generate`, from its first chunk on.

        By name, and only what is not as everywhere: a faster kernel that rounds otherwise.
        """

    @abstractmethod
    def peak_accelerator_bytes(self) -> int | None:
        """The most that was allocated on the accelerator at once since the latest `generate` began.

        None where none is used.
        """

    @abstractmethod
    def close(self) -> None:
        """Give the memory back. The next `generate` loads again."""
