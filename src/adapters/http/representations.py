"""The JSON that goes out and comes in: what a generation is over HTTP.

The request, the plan and the video's facts are the domain's own values; only what differs has a type
here.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Final, TypeAlias

import msgspec
from msgspec import Meta, Struct, field

from adapters.http.private_paths import optional_without_paths, without_paths
from domain import generation as rules
from domain.checkpoint import CHECKPOINTS, DEFAULT_CHECKPOINT, checkpoint_spec
from domain.generation import GenerationDraft, GenerationRequest
from domain.image import IMAGE_FITS
from domain.input_rules import MAX_REFERENCES
from domain.job import Job
from domain.job_event import Failure, JobEvent, JobStatus
from domain.lora import MAX_STRENGTH, LoraDraft
from domain.memory_plan import MemoryPlan
from domain.progress import Stage
from domain.run_record import Measured
from domain.video import VideoFile

GENERATIONS: Final = "/api/v1/generations"
OUTPUTS: Final = "/api/v1/outputs"

MAX_PRIORITY: Final = 100

_DEFAULTS: Final = checkpoint_spec(DEFAULT_CHECKPOINT).defaults


def _shown(description: str, *examples: object, **limits: object) -> Any:
    """What OpenAPI says of a field; the domain judges the value, and knows the nearest valid ones."""
    return Meta(
        extra_json_schema={
            "description": description,
            "examples": list(examples),
            "extra": limits,
        }
    )


_Strength: TypeAlias = (
    Annotated[
        float,
        _shown(
            "By how much its change is multiplied.",
            1.0,
            minimum=-MAX_STRENGTH,
            maximum=MAX_STRENGTH,
        ),
    ]
    | None
)


class NewLora(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A LoRA to use. Without a strength it is 1; one for an expert wins over the one for both."""

    name: Annotated[str, _shown("What GET /api/v1/loras calls it.")]
    strength: _Strength = None
    strength_high_noise: _Strength = None
    strength_low_noise: _Strength = None
    sha256: (
        Annotated[
            list[str],
            _shown(
                "Of its files: refused where others have its name. Left out: whichever have.", None
            ),
        ]
        | None
    ) = None

    def draft(self) -> LoraDraft:
        said = msgspec.structs.asdict(self)
        said["sha256"] = None if self.sha256 is None else tuple(self.sha256)
        return LoraDraft(**said)


class NewGeneration(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a client asks for. A field that is left out, or null, has the checkpoint's default."""

    prompt: Annotated[
        str,
        _shown(
            "What to show.",
            "a red circle moving right on a blue background",
            min_length=1,
            max_length=rules.MAX_PROMPT_CHARACTERS,
        ),
    ]
    negative_prompt: (
        Annotated[
            str, _shown("What not to show.", "blurred", max_length=rules.MAX_PROMPT_CHARACTERS)
        ]
        | None
    ) = None
    checkpoint: (
        Annotated[
            str,
            _shown(
                "The weights to use; GET /api/v1/models lists them.",
                DEFAULT_CHECKPOINT,
                enum=[*(spec.id for spec in CHECKPOINTS), None],
            ),
        ]
        | None
    ) = None
    image: (
        Annotated[str, _shown("The first image: an id that POST /api/v1/uploads gave.", None)]
        | None
    ) = None
    last_image: (
        Annotated[str, _shown("The last image: another such id; only beside `image`.", None)] | None
    ) = None
    image_fit: (
        Annotated[
            str,
            _shown(
                "What to do to images of another shape, which are refused otherwise.",
                "crop",
                enum=[*IMAGE_FITS, None],
            ),
        ]
        | None
    ) = None
    video: (
        Annotated[
            str, _shown("A video to make anew: an id that POST /api/v1/uploads gave for one.", None)
        ]
        | None
    ) = None
    strength: (
        Annotated[
            float,
            _shown("How much of `video` is made anew.", 0.8, exclusiveMinimum=0, maximum=1),
        ]
        | None
    ) = None
    control_video: (
        Annotated[
            str,
            _shown("A video that shows how things move, or what is kept: an upload's id.", None),
        ]
        | None
    ) = None
    control_mask: (
        Annotated[
            str, _shown("A video that is white where `control_video` is made anew: an id.", None)
        ]
        | None
    ) = None
    face_video: (
        Annotated[str, _shown("A square video that shows a face at every moment: an id.", None)]
        | None
    ) = None
    references: (
        Annotated[
            list[str],
            _shown(
                "Pictures of who or what is to be seen: uploads' ids.", [], maxItems=MAX_REFERENCES
            ),
        ]
        | None
    ) = None
    width: Annotated[int, _shown("Pixels.", _DEFAULTS.width, minimum=16)] | None = None
    height: Annotated[int, _shown("Pixels.", _DEFAULTS.height, minimum=16)] | None = None
    num_frames: Annotated[int, _shown("4n + 1.", _DEFAULTS.num_frames, minimum=1)] | None = None
    fps: (
        Annotated[
            int,
            _shown(
                "Frames per second: the checkpoint's own, and no others.", _DEFAULTS.fps, minimum=1
            ),
        ]
        | None
    ) = None
    steps: (
        Annotated[
            int, _shown("Denoising steps.", _DEFAULTS.steps, minimum=1, maximum=rules.MAX_STEPS)
        ]
        | None
    ) = None
    guidance_high_noise: (
        Annotated[
            float,
            _shown(
                "Classifier-free guidance while the high-noise expert works.",
                _DEFAULTS.guidance_high_noise,
                minimum=1,
                maximum=rules.MAX_GUIDANCE,
            ),
        ]
        | None
    ) = None
    guidance_low_noise: (
        Annotated[
            float,
            _shown(
                "The same for the low-noise expert.",
                _DEFAULTS.guidance_low_noise,
                minimum=1,
                maximum=rules.MAX_GUIDANCE,
            ),
        ]
        | None
    ) = None
    flow_shift: (
        Annotated[
            float,
            _shown(
                "How far the noise schedule leans to high noise.",
                _DEFAULTS.flow_shift,
                minimum=0.1,
                maximum=rules.MAX_FLOW_SHIFT,
            ),
        ]
        | None
    ) = None
    scheduler: (
        Annotated[str, _shown("Noise schedule.", "unipc", enum=[*rules.SCHEDULERS, None])] | None
    ) = None
    seed: (
        Annotated[int, _shown("Drawn where none is given.", 7, minimum=0, maximum=rules.MAX_SEED)]
        | None
    ) = None
    loras: Annotated[list[NewLora], _shown("LoRAs to use, all at once.", None)] | None = None
    priority: Annotated[
        int,
        Meta(
            ge=-MAX_PRIORITY,
            le=MAX_PRIORITY,
            description="Higher runs earlier; among equals, clients take turns.",
            examples=[10],
        ),
    ] = 0
    preempt: Annotated[
        bool,
        Meta(
            description="Stop a running generation of lower priority at its next step, if need be; "
            "that one goes on later from there.",
            examples=[False],
        ),
    ] = False

    def draft(self) -> GenerationDraft:
        said = msgspec.structs.asdict(self)
        del said["priority"], said["preempt"]
        if self.loras is not None:
            said["loras"] = tuple(lora.draft() for lora in self.loras)
        said["references"] = tuple(self.references) if self.references else None
        return GenerationDraft(**said)


class GenerationError(Struct, frozen=True, kw_only=True):
    """Why a generation failed; `retryable`: whether the same request may succeed another time."""

    code: str
    detail: str
    retryable: bool


class Links(Struct, frozen=True, kw_only=True):
    """Where the rest is; `video` is null until there is one."""

    itself: str = field(name="self")
    events: str
    video: str | None


class Generation(Struct, frozen=True, kw_only=True):
    """A generation as clients see it.

    Attributes:
        progress: share of the work that is done, 0 to 1.
        request: complete: sent again, it makes the same video.
        attempts: how many times it has been started.
        resume_step: steps that another attempt need not repeat.
        memory_rung: how far it has climbed for lack of accelerator memory; from 1 on, pictures are
            decoded in tiles.
        run_after: not to be started before; null for any time.
        retry_of: the generation that this one is asked for again.
        measured: what making the video took; null where it is not made, or went on from an earlier run.
    """

    id: str
    status: JobStatus
    stage: Stage | None
    step: int
    steps: int
    progress: float
    request: GenerationRequest
    plan: MemoryPlan
    attempts: int
    resume_step: int
    memory_rung: int
    client: str
    priority: int
    preempts: bool
    run_after: datetime | None
    retry_of: str | None
    error: GenerationError | None
    video: VideoFile | None
    measured: Measured | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    cancel_requested_at: datetime | None
    links: Links


class GenerationPage(Struct, frozen=True, kw_only=True):
    """Some generations, newest first; `next_cursor` is the `before` of the next page, if any."""

    data: Sequence[Generation]
    next_cursor: str | None


class GenerationSnapshot(Struct, frozen=True, kw_only=True):
    """A generation's state after one of its events."""

    status: JobStatus
    stage: Stage | None
    step: int
    steps: int
    progress: float
    attempt: int
    message: str | None
    code: str | None
    at: datetime


def generation(job: Job) -> Generation:
    """How `job` is shown."""
    video = job.video if job.status is JobStatus.COMPLETED else None
    return Generation(
        id=job.id,
        status=job.status,
        stage=job.stage,
        step=job.step,
        steps=job.request.denoising_steps,
        progress=job.progress,
        request=job.request,
        plan=job.plan,
        attempts=job.fence,
        resume_step=job.resume_step,
        memory_rung=job.toll.oom_level,
        client=job.client,
        priority=job.priority,
        preempts=job.preempts,
        run_after=job.run_after,
        retry_of=job.retry_of,
        error=_error(job.failure),
        video=video,
        measured=job.measured,
        created_at=job.created_at,
        started_at=job.started_at,
        finished_at=job.finished_at,
        cancel_requested_at=job.cancel_requested_at,
        links=Links(
            itself=f"{GENERATIONS}/{job.id}",
            events=f"{GENERATIONS}/{job.id}/events",
            video=f"{OUTPUTS}/{job.id}/video" if video else None,
        ),
    )


def snapshot(event: JobEvent) -> GenerationSnapshot:
    """How `event` is shown."""
    return GenerationSnapshot(
        status=event.status,
        stage=event.stage,
        step=event.step,
        steps=event.steps,
        progress=event.progress,
        attempt=event.attempt,
        message=optional_without_paths(event.message),
        code=event.code,
        at=event.at,
    )


def _error(failure: Failure | None) -> GenerationError | None:
    if failure is None:
        return None
    return GenerationError(
        code=failure.code, detail=without_paths(failure.message), retryable=failure.retryable
    )
