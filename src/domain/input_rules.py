"""Whether what is given suits the request, and the checkpoint can do anything with it."""

from collections.abc import Mapping
from dataclasses import replace
from math import prod
from typing import Final, Protocol

from domain.checkpoint import CHECKPOINTS, CheckpointSpec
from domain.clip import InputClip
from domain.close_names import closest
from domain.errors import Violation
from domain.image import IMAGE_FITS, MAX_ASPECT, InputImage
from domain.inputs import NOTHING_GIVEN, Given

#: Each costs as much as four frames more: a bound of ours.
MAX_REFERENCES: Final = 3


class Asked(Protocol):
    """What of a request these rules look at: see `domain.generation.GenerationRequest`."""

    @property
    def width(self) -> int: ...
    @property
    def height(self) -> int: ...
    @property
    def num_frames(self) -> int: ...
    @property
    def fps(self) -> int: ...
    @property
    def steps(self) -> int: ...
    @property
    def denoising_steps(self) -> int: ...
    @property
    def strength(self) -> float | None: ...
    @property
    def image_fit(self) -> str | None: ...


def check_inputs(given: Given, request: Asked, spec: CheckpointSpec) -> list[Violation]:
    """What is wrong with what is given, with there being none, and with what is said of it."""
    return [
        *_check_images(given, request, spec),
        *_check_video(given, request, spec),
        *_check_control(given, request, spec),
        *_check_fit(given, request),
    ]


def _check_images(given: Given, request: Asked, spec: CheckpointSpec) -> list[Violation]:
    image, last_image = given.image, given.last_image
    if last_image and not spec.takes_last_image:
        able = tuple(other.id for other in CHECKPOINTS if other.takes_last_image)
        reason = f"{spec.id} cannot end with an image that is given"
        return [Violation(pointer="/checkpoint", reason=reason, nearest=able)]
    if image is None:
        reason = f"{spec.id} animates a first image: give one"
        needed = (spec.needs_image and given.video is None) or last_image
        return [Violation(pointer="/image", reason=reason)] if needed else []
    if not spec.takes_image:
        able = tuple(other.id for other in CHECKPOINTS if other.takes_image)
        reason = f"{spec.id} cannot begin with an image that is given"
        return [Violation(pointer="/checkpoint", reason=reason, nearest=able)]
    if last_image and request.num_frames == 1:
        reason = "a first and a last image are more than one frame"
        shortest = spec.geometry.temporal_stride + 1
        return [Violation(pointer="/num_frames", reason=reason, nearest=(shortest,))]
    pictures = {"image": image} | ({"last_image": last_image} if last_image else {})
    return _check_shapes(pictures, request, spec)


def _check_shapes(
    given: Mapping[str, InputImage], request: Asked, spec: CheckpointSpec
) -> list[Violation]:
    """Whether the pictures have the video's shape, or somebody said how to fit them."""
    if request.image_fit is not None:
        return []
    multiple = spec.geometry.side_multiple
    pixels = min(request.width * request.height, spec.max_pixels)
    least = pixels // 4 if len(given) > 1 else 0  # on very small sizes, almost any two shapes agree
    one = next(iter(given.values()))
    sizes = [
        (width, height)
        for width, height in one.fitting_sizes(pixels=pixels, side_multiple=multiple)
        if max(width, height) <= MAX_ASPECT * min(width, height)
        and width * height >= least
        and all(
            other.fits(width=width, height=height, side_multiple=multiple)
            for other in given.values()
        )
    ]
    largest = max(sizes, key=prod, default=None)
    return [
        Violation(
            pointer=f"/{name}",
            reason=f"the {name.replace('_', ' ')} is {picture.width}x{picture.height} and would be "
            f"stretched to {request.width}x{request.height}; choose a size of its shape, or say whether "
            "to crop or to pad it",
            nearest=(f"{largest[0]}x{largest[1]}",) if largest else (),
        )
        for name, picture in given.items()
        if not picture.fits(width=request.width, height=request.height, side_multiple=multiple)
    ]


def _check_video(given: Given, request: Asked, spec: CheckpointSpec) -> list[Violation]:
    video = given.video
    if video is None:
        reason = "says how much of a given video is made anew, and there is none"
        superfluous = request.strength is not None
        return [Violation(pointer="/strength", reason=reason)] if superfluous else []
    if not spec.takes_video:
        able = tuple(other.id for other in CHECKPOINTS if other.takes_video)
        reason = f"{spec.id} cannot make a given video anew"
        return [Violation(pointer="/checkpoint", reason=reason, nearest=able)]
    if given.image is not None:
        reason = "a video that is made anew begins as the given one does: leave the image out"
        return [Violation(pointer="/image", reason=reason)]
    return [
        *_check_strength(request),
        *_check_clips({"video": video}, request, spec),
    ]


def _check_strength(request: Asked) -> list[Violation]:
    strength = request.strength
    if strength is None or (0 < strength <= 1 and request.denoising_steps > 0):
        return []
    least = -(-100 // max(1, request.steps)) / 100  # rounded up to a hundredth: makes one step
    reason = f"{strength} is outside {least} to 1.0, where at least one of the steps is made"
    nearest = 1.0 if strength > 1 else least
    return [Violation(pointer="/strength", reason=reason, nearest=(nearest,))]


def _check_control(given: Given, request: Asked, spec: CheckpointSpec) -> list[Violation]:
    if spec.animates_character:
        return _check_character(given, request, spec)
    if given.face_video is not None:
        able = tuple(other.id for other in CHECKPOINTS if other.animates_character)
        reason = f"{spec.id} takes no video of a face"
        return [Violation(pointer="/checkpoint", reason=reason, nearest=able)]
    clips = _named({"control_video": given.control_video, "control_mask": given.control_mask})
    if not clips and not given.references:
        return []
    if not spec.takes_control:
        able = tuple(other.id for other in CHECKPOINTS if other.takes_control)
        reason = f"{spec.id} takes no control video, mask or references"
        return [Violation(pointer="/checkpoint", reason=reason, nearest=able)]
    if "control_video" not in clips and clips:
        reason = "says which parts of a control video are kept, and there is none: give one"
        return [Violation(pointer="/control_mask", reason=reason)]
    if len(given.references) > MAX_REFERENCES:
        reason = f"{len(given.references)} are more than the {MAX_REFERENCES} that are taken"
        return [Violation(pointer="/references", reason=reason)]
    return _check_clips(clips, request, spec)


def _check_character(given: Given, request: Asked, spec: CheckpointSpec) -> list[Violation]:
    clips = _named({"control_video": given.control_video, "face_video": given.face_video})
    missing = [
        Violation(pointer=f"/{name}", reason=f"{spec.id} needs {what}: give one")
        for name, what in (
            ("control_video", "a video of the poses"),
            ("face_video", "a video of the face"),
        )
        if name not in clips
    ]
    if len(given.references) != 1:
        reason = f"{spec.id} animates one character: give one picture"
        missing.append(Violation(pointer="/references", reason=reason))
    if given.control_mask is not None:
        reason = f"{spec.id} is not offered with a mask: leave it out"
        missing.append(Violation(pointer="/control_mask", reason=reason))
    if missing:
        return missing
    if request.num_frames == 1:
        reason, shortest = "one frame does not move", spec.geometry.temporal_stride + 1
        return [Violation(pointer="/num_frames", reason=reason, nearest=(shortest,))]
    face = clips.pop("face_video").picture
    return [
        *_check_square("face_video", face, request),
        *_check_lengths(_named({"face_video": given.face_video}), request, spec),
        *_check_clips(clips, request, spec),
    ]


def _check_square(name: str, picture: InputImage, request: Asked) -> list[Violation]:
    if request.image_fit is not None or picture.width == picture.height:
        return []
    reason = (
        f"the {name.replace('_', ' ')} is {picture.width}x{picture.height} and would be stretched to a "
        "square; say whether to crop or to pad it"
    )
    return [Violation(pointer=f"/{name}", reason=reason)]


def _named(clips: Mapping[str, InputClip | None]) -> dict[str, InputClip]:
    return {name: clip for name, clip in clips.items() if clip is not None}


def _check_clips(
    clips: Mapping[str, InputClip], request: Asked, spec: CheckpointSpec
) -> list[Violation]:
    """Whether they last as long as the video, and have its shape."""
    if not clips:
        return []
    pictures = {name: clip.picture for name, clip in clips.items()}
    return [
        *_check_lengths(clips, request, spec),
        *_check_shapes(pictures, request, spec),
    ]


def _check_lengths(
    clips: Mapping[str, InputClip], request: Asked, spec: CheckpointSpec
) -> list[Violation]:
    lengths = {name: clip.length_at(request.fps) for name, clip in clips.items()}
    name = min(lengths, key=lambda name: lengths[name])
    if request.num_frames <= lengths[name]:
        return []
    stride = spec.geometry.temporal_stride
    reason = (
        f"the {name.replace('_', ' ')} has {lengths[name]} frames "
        f"at the {request.fps} a second of {spec.id}"
    )
    longest = (lengths[name] - 1) // stride * stride + 1
    return [Violation(pointer="/num_frames", reason=reason, nearest=(longest,))]


def _check_fit(given: Given, request: Asked) -> list[Violation]:
    if request.image_fit is None:
        return []
    if request.image_fit not in IMAGE_FITS:
        reason = f"{request.image_fit!r} is no way to fit an image"
        nearest = closest(request.image_fit, IMAGE_FITS) or IMAGE_FITS
        return [Violation(pointer="/image_fit", reason=reason, nearest=nearest)]
    if (
        replace(given, references=()) == NOTHING_GIVEN
    ):  # references are fitted in a way of their own
        reason = "says how to fit an image, and there is none: give one, or leave it out"
        return [Violation(pointer="/image_fit", reason=reason)]
    return []
