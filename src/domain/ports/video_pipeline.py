"""The part that makes frames out of words."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence

from domain.generation import GenerationRequest
from domain.inputs import NO_INPUTS, InputFiles
from domain.local_checkpoint import LocalCheckpoint
from domain.lora import Lora
from domain.placement import Placement
from domain.rendering import Report
from domain.resume import ResumePoints
from domain.video import FrameChunk


class VideoPipeline(ABC):
    """An assembled inference: which weights stay in memory, and where, is its secret."""

    @abstractmethod
    def generate(
        self,
        request: GenerationRequest,
        checkpoint: LocalCheckpoint,
        report: Report,
        resume: ResumePoints,
        *,
        inputs: InputFiles = NO_INPUTS,
        loras: Sequence[Lora] = (),
        placement: Placement | None = None,
        in_tiles: bool = False,
    ) -> Iterator[FrameChunk]:
        """Make the frames of `request`, handing them out as they are decoded.

        The chunks together hold exactly `num_frames` frames of `height` x `width`. The same request
        on the same machine gives the same bytes. Reports `ENCODING_PROMPT` once what it needs is
        loaded, then `DENOISING` with every step, and `DECODING`; between transformer blocks and
        between chunks it reports `StillRunning`. Whatever `report` or `resume` raises ends the run and
        leaves the pipeline ready for the next; so does closing the iterator.

        Before all that it goes on from what `resume` loads, if an equal run saved it: the video is
        then, byte for byte, that of an unbroken run. Where all steps were done, `DECODING` is the first
        thing reported. A step that is due is saved before it is reported.

        Args:
            inputs: the pictures and videos that `request` names by id.
            loras: what `request.loras` name, in their order. What of each is used is told, `Noticed`,
                before anything else.
            placement: where the parts are to lie; None leaves it to the pipeline.
            in_tiles: decode each picture in parts, where it is large: less memory, and not quite the same
                bytes.

        Raises:
            OutOfAcceleratorMemory: it does not fit.
            CheckpointBroken: the weights cannot be loaded.
            LoraUnusable: a LoRA does not fit them.
        """

    @abstractmethod
    def peak_accelerator_bytes(self) -> int | None:
        """The most that was allocated on the accelerator at once since the latest `generate` began.

        None where none is used.
        """

    @abstractmethod
    def close(self) -> None:
        """Give the memory back. The next `generate` loads again."""
