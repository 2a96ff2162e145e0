"""What a client of the OpenAI Videos API asks for, and the draft that it means here."""

import base64
import binascii
import math
import re
from typing import Annotated, Final

from msgspec import Meta, Struct

from adapters.http.new_generation import MAX_PRIORITY, NewLora
from domain.checkpoint import CheckpointSpec, checkpoint_spec
from domain.errors import InvalidRequest, Violation
from domain.generation import GenerationDraft
from domain.seconds import frames_for

#: What programs that were written for OpenAI call its models: no checkpoint of ours, whichever is meant.
_OPENAIS_OWN: Final = "sora-"
_SIZE: Final = re.compile(r"(?P<width>[0-9]{1,6})x(?P<height>[0-9]{1,6})")
_DATA_URL: Final = re.compile(r"data:[\w/+.-]*;base64,(?P<base64>[\w+/=-]*)", re.ASCII)


def _told(words: str, *examples: object) -> Meta:
    return Meta(description=words, examples=list(examples))


class Reference(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A picture, or a video, to begin with; in a form, the file itself.

    Attributes:
        image_url: a `data:` URL in base64; nothing is fetched from elsewhere.
        file_id: what `POST /api/v1/uploads` gave.
        content: the file itself, in base64.
    """

    image_url: str | None = None
    file_id: str | None = None
    content: bytes | None = None

    def given(self) -> bytes | str:
        """The file, or the id of an upload.

        Raises:
            InvalidRequest: it is neither or both, or lies elsewhere.
        """
        said = [
            value for value in (self._decoded(), self.file_id, self.content) if value is not None
        ]
        if len(said) != 1:
            raise _refused("input_reference", "is a file, an `image_url` or a `file_id`: say one")
        return said[0]

    def _decoded(self) -> bytes | None:
        if self.image_url is None:
            return None
        match = _DATA_URL.fullmatch(self.image_url)
        if match is None:
            raise _refused(
                "input_reference",
                "is no `data:` URL in base64, and nothing is fetched from elsewhere: send the file",
            )
        try:
            return base64.b64decode(match["base64"], validate=True)
        except binascii.Error as error:
            raise _refused("input_reference", "is not base64") from error


class SourceVideo(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A completed video; in a form, the file itself or `video[id]`.

    Attributes:
        content: the file itself, in base64.
    """

    id: str | None = None
    content: bytes | None = None

    def given(self) -> bytes | str:
        """The file, or the id of a generation.

        Raises:
            InvalidRequest: it is neither or both.
        """
        if (self.id is None) == (self.content is None):
            raise _refused("video", "is a file, or the `id` of a completed video: say one")
        return self.id if self.content is None else self.content  # type: ignore[return-value]


class Wishes(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What may be said of any video. What is left out has the checkpoint's default, or the source's."""

    prompt: Annotated[str, _told("What to show.", "a red circle moving right on a blue background")]
    model: (
        Annotated[str, _told("A checkpoint; OpenAI's own names mean the default one.", "mini")]
        | None
    ) = None
    seconds: (
        Annotated[str | int | float, _told("How long; `num_frames` says it in frames.", "2")] | None
    ) = None
    size: Annotated[str, _told("Width and height in pixels.", "128x128")] | None = None
    num_frames: Annotated[int, _told("4n + 1, in place of `seconds`.", None)] | None = None
    fps: Annotated[int, _told("The checkpoint's own, and no others.", None)] | None = None
    negative_prompt: Annotated[str, _told("What not to show.", "blurred")] | None = None
    num_inference_steps: Annotated[int, _told("Denoising steps.", 12)] | None = None
    guidance_scale: (
        Annotated[
            float, _told("Classifier-free guidance; of both experts, where that is all.", 4.0)
        ]
        | None
    ) = None
    guidance_scale_2: (
        Annotated[float, _told("The same while the low-noise expert works.", None)] | None
    ) = None
    flow_shift: Annotated[float, _told("How far the schedule leans to noise.", 5.0)] | None = None
    scheduler: Annotated[str, _told("`unipc`, `euler` or `dpm++`.", "unipc")] | None = None
    seed: Annotated[int, _told("Drawn where none is given.", 7)] | None = None
    strength: Annotated[float, _told("How much of a video is made anew.", None)] | None = None
    image_fit: Annotated[str, _told("`crop` or `pad`.", None)] | None = None
    loras: Annotated[list[NewLora], _told("LoRAs to use, all at once.", None)] | None = None
    preset: Annotated[str, _told("What is left out is set to, for speed.", None)] | None = None
    guidance_until: Annotated[float, _told("Share of the steps that are guided.")] | None = None
    step_cache: Annotated[float, _told("By how little a step may be left out.")] | None = None
    loras_from: Annotated[float, _told("Share of the steps before the LoRAs.")] | None = None
    precision: Annotated[str, _told("`fp8`: large matrices in 8 bits.", None)] | None = None
    last_image: Annotated[str, _told("The last image: an upload's id.", None)] | None = None
    control_video: Annotated[str, _told("An upload's id.", None)] | None = None
    control_mask: Annotated[str, _told("An upload's id.", None)] | None = None
    face_video: Annotated[str, _told("An upload's id.", None)] | None = None
    references: Annotated[list[str], _told("Uploads' ids.", None)] | None = None
    priority: Annotated[
        int,
        Meta(ge=-MAX_PRIORITY, le=MAX_PRIORITY, description="Higher runs earlier.", examples=[0]),
    ] = 0

    def draft(self, silence: str) -> GenerationDraft:
        """What is meant, but for what is given as a file.

        Args:
            silence: the checkpoint that is meant where none of ours is named.

        Raises:
            UnknownCheckpoint: there is none of that name.
            InvalidRequest: a size or a length cannot be read, or cannot be had.
        """
        spec = self._spec(silence)
        width, height = self._size()
        return GenerationDraft(
            prompt=self.prompt,
            checkpoint=spec.id,
            width=width,
            height=height,
            num_frames=self._frames(spec),
            fps=self.fps,
            negative_prompt=self.negative_prompt,
            steps=self.num_inference_steps,
            guidance_high_noise=self.guidance_scale,
            guidance_low_noise=_first(self.guidance_scale_2, self.guidance_scale),
            flow_shift=self.flow_shift,
            scheduler=self.scheduler,
            seed=self.seed,
            strength=self.strength,
            image_fit=self.image_fit,
            loras=tuple(lora.draft() for lora in self.loras) if self.loras else None,
            preset=self.preset,
            guidance_until=self.guidance_until,
            step_cache=self.step_cache,
            loras_from=self.loras_from,
            precision=self.precision,
            last_image=self.last_image,
            control_video=self.control_video,
            control_mask=self.control_mask,
            face_video=self.face_video,
            references=tuple(self.references) if self.references else None,
        )

    def _spec(self, silence: str) -> CheckpointSpec:
        is_ours = self.model is not None and not self.model.startswith(_OPENAIS_OWN)
        return checkpoint_spec(self.model if is_ours and self.model is not None else silence)

    def _size(self) -> tuple[int | None, int | None]:
        if self.size is None:
            return None, None
        match = _SIZE.fullmatch(self.size)
        if match is None:
            raise _refused("size", f"{self.size!r} is no size, such as 832x480")
        return int(match["width"]), int(match["height"])

    def _frames(self, spec: CheckpointSpec) -> int | None:
        if self.seconds is None:
            return self.num_frames
        if self.num_frames is not None:
            raise _refused("seconds", "says the same as `num_frames`: leave one out")
        try:
            seconds = float(self.seconds)
        except (ValueError, OverflowError):  # no number, or a whole one beyond every float
            seconds = math.nan
        if not math.isfinite(seconds):
            raise _refused("seconds", f"{self.seconds!r} is no number of seconds, such as 5")
        return frames_for(seconds, spec)


class NewVideo(Wishes, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A video to make.

    Attributes:
        input_reference: a picture to begin with, or a video to make anew.
    """

    input_reference: Reference | None = None


class NewRemix(Wishes, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A video to make like another, in other words."""


class NewEdit(Wishes, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A video to make anew.

    Attributes:
        video: what is made anew.
    """

    video: SourceVideo


class NewExtension(Wishes, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A video to go on with.

    Attributes:
        video: what it goes on from.
    """

    video: SourceVideo


def _refused(field: str, reason: str) -> InvalidRequest:
    return InvalidRequest([Violation(pointer=f"/{field}", reason=reason)])


def _first(*values: float | None) -> float | None:
    return next((value for value in values if value is not None), None)
