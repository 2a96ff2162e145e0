"""The plans' route: what a generation would need, before it is asked for."""

from typing import Annotated, Final

import msgspec
from litestar import post
from litestar.di import NamedDependency
from litestar.params import JSONBody
from msgspec import Meta, Struct

from adapters.http.new_generation import NewLora
from adapters.http.problems import refusals
from application.estimate_generation import EstimateGeneration, Imagined
from domain.access import Scope
from domain.hardware import Capacity
from domain.input_rules import MAX_REFERENCES
from domain.lora import MAX_LORAS
from domain.memory_plan import MemoryPlan

_MAX_BYTES: Final = 2**53 - 1


class NewPlan(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What would be asked for. A field that is left out, or null, has the checkpoint's default.

    Attributes:
        strength: how much of a given video is made anew, up to 1.
        preset: one that GET /api/v1/presets lists.
        precision: `fp8`, where large matrices are multiplied in that.
        with_image: whether the video begins with a picture.
        with_last_image: whether it also ends with one.
        with_video: whether one is given to be made anew.
        with_control_video: whether one is given that shows how things move.
        references: how many pictures of who or what is to be seen.
        loras: those that are used, beside the one that the preset may need.
        accelerator_bytes: as if that much were free; 0 for no accelerator; null for this machine's.
        host_bytes: as if that much were available; null for this machine's.
    """

    checkpoint: str | None = None
    width: int | None = None
    height: int | None = None
    num_frames: int | None = None
    steps: int | None = None
    guidance_high_noise: float | None = None
    guidance_low_noise: float | None = None
    strength: float | None = None
    preset: str | None = None
    precision: str | None = None
    with_image: bool = False
    with_last_image: bool = False
    with_video: bool = False
    with_control_video: bool = False
    references: Annotated[int, Meta(ge=0, le=MAX_REFERENCES)] = 0
    loras: Annotated[list[NewLora], Meta(max_length=MAX_LORAS)] = []
    accelerator_bytes: Annotated[int, Meta(ge=0, le=_MAX_BYTES)] | None = None
    host_bytes: Annotated[int, Meta(ge=0, le=_MAX_BYTES)] | None = None

    def imagined(self) -> Imagined:
        said = msgspec.structs.asdict(self)
        return Imagined(**{**said, "loras": tuple(lora.draft() for lora in self.loras)})


class Plan(Struct, frozen=True, kw_only=True):
    """What was planned, into how much memory, and how.

    Attributes:
        capacity: the memory that was there, or imagined.
        plan: where the parts will lie, and why.
    """

    checkpoint: str
    width: int
    height: int
    num_frames: int
    steps: int
    capacity: Capacity
    plan: MemoryPlan


@post(
    "/api/v1/plans",
    status_code=200,
    scope=Scope.READ,
    tags=["Plans"],
    responses=refusals(403, 413, 415, 503),
)
async def plan_generation(
    data: JSONBody[NewPlan], estimate: NamedDependency[EstimateGeneration]
) -> Plan:
    """What a generation would need, and why; nothing is queued, and no weights need be here.

    One that does not fit is refused as its submission would be: the detail says what would fit.
    """
    estimated = await estimate.execute(data.imagined())
    request = estimated.request
    return Plan(
        checkpoint=request.checkpoint,
        width=request.width,
        height=request.height,
        num_frames=request.num_frames,
        steps=request.steps,
        capacity=estimated.capacity,
        plan=estimated.plan,
    )
