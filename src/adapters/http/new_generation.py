"""The JSON that comes in: what a client says of a generation it asks for."""

from typing import Annotated, Any, Final, TypeAlias

import msgspec
from msgspec import Meta, Struct

from domain import generation as rules
from domain.checkpoint import CHECKPOINTS, DEFAULT_CHECKPOINT, checkpoint_spec
from domain.generation import GenerationDraft
from domain.image import IMAGE_FITS
from domain.input_rules import MAX_REFERENCES
from domain.lora import MAX_STRENGTH, LoraDraft
from domain.presets import PRESETS
from domain.shortcuts import MAX_STEP_CACHE, PRECISIONS
from domain.webhook import MAX_URL_CHARACTERS

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
        Annotated[
            str,
            _shown(
                "How noise is taken away, step by step.", "unipc", enum=[*rules.SCHEDULERS, None]
            ),
        ]
        | None
    ) = None
    seed: (
        Annotated[int, _shown("Drawn where none is given.", 7, minimum=0, maximum=rules.MAX_SEED)]
        | None
    ) = None
    loras: Annotated[list[NewLora], _shown("LoRAs to use, all at once.", None)] | None = None
    preset: (
        Annotated[
            str,
            _shown(
                "What fields that are left out are set to, for speed; GET /api/v1/presets lists them.",
                PRESETS[0].name,
                enum=[*(preset.name for preset in PRESETS), None],
            ),
        ]
        | None
    ) = None
    guidance_until: (
        Annotated[float, _shown("Share of the steps that are guided.", 1.0, minimum=0, maximum=1)]
        | None
    ) = None
    step_cache: (
        Annotated[
            float,
            _shown(
                "How much may have changed, as foretold, for a step to be left out; 0: none is.",
                0.0,
                minimum=0,
                maximum=MAX_STEP_CACHE,
            ),
        ]
        | None
    ) = None
    loras_from: (
        Annotated[
            float,
            _shown("Share of the steps before the LoRAs are on.", 0.0, minimum=0, maximum=1),
        ]
        | None
    ) = None
    precision: (
        Annotated[
            str,
            _shown(
                "What the experts' large matrices are multiplied in, where not in what they were made in.",
                None,
                enum=[*PRECISIONS, None],
            ),
        ]
        | None
    ) = None
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
    made_from: (
        Annotated[
            str,
            _shown(
                "Id of the generation whose video, or a frame of it, was uploaded to begin with: "
                "told with both from then on, and nothing else.",
                None,
            ),
        ]
        | None
    ) = None

    webhook_url: (
        Annotated[
            str,
            _shown(
                "Told, signed, once the generation is over; only hosts that the operator allows.",
                None,
                maxLength=MAX_URL_CHARACTERS,
            ),
        ]
        | None
    ) = None

    def draft(self) -> GenerationDraft:
        said = msgspec.structs.asdict(self)
        del said["priority"], said["preempt"], said["made_from"], said["webhook_url"]
        if self.loras is not None:
            said["loras"] = tuple(lora.draft() for lora in self.loras)
        said["references"] = tuple(self.references) if self.references else None
        return GenerationDraft(**said)
