"""Where the parts of a checkpoint lie while a video is made: what a plan chooses and a pipeline does."""

from dataclasses import dataclass
from enum import StrEnum

from domain.structure import Precision


class Place(StrEnum):
    """Where one part lies. Whatever is not on the accelerator lies in host memory."""

    #: On the accelerator, from loading on and between jobs.
    RESIDENT = "resident"
    #: On the accelerator while it works, and no other visitor with it.
    VISITING = "visiting"
    #: On the accelerator block by block, the next one coming while the present one works.
    STREAMED = "streamed"
    #: In host memory, and works there, on the CPU.
    HOST = "host"


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """All that a pipeline must know to load and move the parts.

    Attributes:
        experts: the transformers. As visitors they are swapped where one hands over to the other.
        text_encoder: what reads the prompts.
        vae: what makes pictures of latents.
        precision: how the experts' weights are kept; what a GGUF file keeps quantised stays so.
        is_tiled: whether the VAE works on overlapping tiles: less memory, and not quite the same picture.
        is_pinned: whether streamed weights lie in pinned host memory, which is copied at full speed
            and cannot be paged out.
    """

    experts: Place
    text_encoder: Place
    vae: Place
    precision: Precision
    is_tiled: bool = False
    is_pinned: bool = False

    @property
    def is_on_cpu(self) -> bool:
        """Whether no accelerator is used at all."""
        return self.experts is Place.HOST


#: Where nobody planned, and there is an accelerator: everything on it, exact.
ALL_RESIDENT = Placement(
    experts=Place.RESIDENT,
    text_encoder=Place.RESIDENT,
    vae=Place.RESIDENT,
    precision=Precision.BF16,
)
#: Without an accelerator.
ALL_ON_CPU = Placement(
    experts=Place.HOST, text_encoder=Place.HOST, vae=Place.HOST, precision=Precision.FP32
)
