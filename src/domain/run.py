"""One run of a pipeline, and all it is given."""

from collections.abc import Sequence
from dataclasses import dataclass

from domain.generation import GenerationRequest
from domain.inputs import NO_INPUTS, InputFiles
from domain.local_checkpoint import LocalCheckpoint
from domain.lora import Lora
from domain.placement import Placement


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What is asked, and where on this machine everything lies that it names.

    Attributes:
        inputs: the pictures and videos that `request` names by id.
        loras: what `request.loras` name, in their order.
        placement: where the parts are to lie; None leaves it to the pipeline.
        in_tiles: decode each picture in parts, where it is large: less memory, and not quite the same
            bytes.
        decodes_on_cpu: though there may be an accelerator.
    """

    request: GenerationRequest
    checkpoint: LocalCheckpoint
    inputs: InputFiles = NO_INPUTS
    loras: Sequence[Lora] = ()
    placement: Placement | None = None
    in_tiles: bool = False
    decodes_on_cpu: bool = False
