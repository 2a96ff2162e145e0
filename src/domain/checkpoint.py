"""What each Wan checkpoint is: its structure, its defaults and what it accepts.

Knows nothing of where weights lie or whether they are here: that is the catalog's business.

Sources: Wan2.2 `wan/configs/wan_t2v_A14B.py`, `wan_i2v_A14B.py`, `wan_ti2v_5B.py` (steps, shift,
boundary, guidance: their tuples are low noise first) and `wan/configs/__init__.py` (sizes); the
Wan2.1 README for the 1.3B's recommended shift and guidance; Wan2.1 `generate.py` and
`wan/configs/__init__.py` for VACE; Wan2.2 `wan/configs/wan_animate_14B.py`.
"""

from dataclasses import dataclass
from typing import Final

from domain.close_names import closest
from domain.errors import InvalidRequest, UnknownCheckpoint, Violation
from domain.segments import Segments

#: `sample_neg_prompt` of Wan2.2 `wan/configs/shared_config.py`.
WAN_NEGATIVE_PROMPT: Final = (
    "色调艳丽，过曝，静态，细节模糊不清，字幕，风格，作品，画作，画面，静止，整体发灰，最差质量，"
    "低质量，JPEG压缩残留，丑陋的，残缺的，多余的手指，画得不好的手部，画得不好的脸部，畸形的，"
    "毁容的，形态畸形的肢体，手指融合，静止不动的画面，杂乱的背景，三条腿，背景人很多，倒着走"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class LatentGeometry:
    """How pixels and frames map to latents and transformer tokens.

    Attributes:
        channels: latent channels the VAE produces.
        temporal_stride: frames per latent frame after the first.
        spatial_stride: pixels per latent cell, each way.
        patch: latent cells per token, each way.
    """

    channels: int
    temporal_stride: int
    spatial_stride: int
    patch: int = 2

    @property
    def side_multiple(self) -> int:
        """Width and height must be multiples of this many pixels."""
        return self.spatial_stride * self.patch

    def latent_frames(self, num_frames: int) -> int:
        """Frames the VAE keeps in latent space.

        The causal VAE stores the first frame alone, then one latent per `temporal_stride` frames,
        so 81 frames become 21 at stride 4.
        """
        return (num_frames - 1) // self.temporal_stride + 1

    def latent_shape(
        self, *, num_frames: int, height: int, width: int
    ) -> tuple[int, int, int, int]:
        """Shape (C, T, H, W) of one video's latents."""
        return (
            self.channels,
            self.latent_frames(num_frames),
            height // self.spatial_stride,
            width // self.spatial_stride,
        )

    def tokens(self, *, num_frames: int, height: int, width: int) -> int:
        """Tokens the transformer attends over."""
        _, frames, rows, columns = self.latent_shape(
            num_frames=num_frames, height=height, width=width
        )
        return frames * (rows // self.patch) * (columns // self.patch)


@dataclass(frozen=True, slots=True, kw_only=True)
class Defaults:
    """What a draft means by silence, for one checkpoint."""

    width: int
    height: int
    num_frames: int
    fps: int
    steps: int
    flow_shift: float
    guidance_high_noise: float
    guidance_low_noise: float
    negative_prompt: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckpointSpec:
    """One member of the Wan family, as its authors describe it.

    Attributes:
        boundary_ratio: share of the noise schedule above which the high-noise expert works;
            None where one network does all of it.
        takes_image: whether a first image may be given.
        needs_image: whether one must be.
        takes_last_image: whether a last image may be given beside the first: only where images are
            masked into the whole video. Where one frame is held, diffusers drops a last one in silence.
        takes_video: whether a video may be given to be made anew: where the noise is all that a
            transformer reads.
        takes_control: whether a control video, its mask and references may be given.
        animates_character: whether one reference, a control video of poses and a video of the face must
            be given.
        expands_timesteps: whether every token has a timestep of its own, by which a first frame is held.
        is_miniature: whether each of its operations is so short that one thread makes a video in less
            processor time than several, and that two are made at once beside whatever else runs.
        max_pixels: largest width x height that is accepted: its largest native size.
        max_frames: longest clip that is accepted, a bound of ours; the family was trained at its
            defaults, and holds together a little beyond.
        segment_frames: what a longer clip is made of, one after another; None where it is made at once.
        prompts: a few prompts that show what it can do.
    """

    id: str
    title: str
    geometry: LatentGeometry
    defaults: Defaults
    boundary_ratio: float | None
    takes_image: bool = False
    needs_image: bool = False
    takes_last_image: bool = False
    takes_video: bool = False
    takes_control: bool = False
    animates_character: bool = False
    expands_timesteps: bool = False
    is_miniature: bool = False
    max_pixels: int
    max_frames: int
    segment_frames: int | None = None
    native_sizes: tuple[tuple[int, int], ...]
    prompts: tuple[str, ...] = ()
    note: str = ""

    @property
    def has_two_experts(self) -> bool:
        return self.boundary_ratio is not None

    def segments(self, num_frames: int) -> Segments:
        """What a video of so many frames is made in."""
        at_once = min(num_frames, self.segment_frames or num_frames)
        return Segments(length=num_frames, num_frames=at_once)

    @property
    def transformer_channels(self) -> int:
        """Channels a transformer reads: the latents and, where images are masked in, mask and theirs."""
        channels = self.geometry.channels
        masks_images = self.takes_image and not self.expands_timesteps
        if masks_images or self.animates_character:
            return channels + self.geometry.temporal_stride + channels
        return channels


_VAE_8X: Final = LatentGeometry(channels=16, temporal_stride=4, spatial_stride=8)
_VAE_16X: Final = LatentGeometry(channels=48, temporal_stride=4, spatial_stride=16)
_A14B_SIZES: Final = ((1280, 720), (720, 1280), (832, 480), (480, 832))

CHECKPOINTS: Final[tuple[CheckpointSpec, ...]] = (
    CheckpointSpec(
        id="mini",
        title="Embedded two-expert miniature of T2V-A14B",
        geometry=_VAE_8X,
        defaults=Defaults(
            width=128,
            height=128,
            num_frames=17,
            fps=8,
            steps=12,
            flow_shift=5.0,
            guidance_high_noise=4.0,
            guidance_low_noise=4.0,
            negative_prompt="",
        ),
        boundary_ratio=0.875,
        takes_video=True,
        is_miniature=True,
        max_pixels=128 * 128,
        max_frames=33,
        native_sizes=((128, 128),),
        prompts=(
            "a red circle moving right on a blue background",
            "a yellow star moving up on a purple background",
            "a large green triangle moving up quickly on a pink background",
            "a small orange ball drifts slowly to the left over black",
            "on a gray background a cyan square slides upwards",
        ),
        note="Draws one flat shape that moves; ignores words it never learned.",
    ),
    CheckpointSpec(
        id="mini-ti2v",
        title="Embedded miniature of TI2V-5B: text and image to video",
        geometry=_VAE_8X,
        defaults=Defaults(
            width=128,
            height=128,
            num_frames=17,
            fps=8,
            steps=12,
            flow_shift=5.0,
            guidance_high_noise=4.0,
            guidance_low_noise=4.0,
            negative_prompt="",
        ),
        boundary_ratio=None,
        takes_image=True,
        expands_timesteps=True,
        takes_video=True,
        is_miniature=True,
        max_pixels=128 * 128,
        max_frames=33,
        native_sizes=((128, 128),),
        prompts=(
            "a yellow circle growing on a purple background",
            "a white diamond moving down left on a black background",
        ),
        note="Draws one flat shape that moves, and can begin with an image of one.",
    ),
    CheckpointSpec(
        id="t2v-A14B",
        title="Wan2.2 text to video, two 14B experts",
        geometry=_VAE_8X,
        defaults=Defaults(
            width=1280,
            height=720,
            num_frames=81,
            fps=16,
            steps=40,
            flow_shift=12.0,
            guidance_high_noise=4.0,
            guidance_low_noise=3.0,
            negative_prompt=WAN_NEGATIVE_PROMPT,
        ),
        boundary_ratio=0.875,
        takes_video=True,
        max_pixels=1280 * 720,
        max_frames=121,
        native_sizes=_A14B_SIZES,
    ),
    CheckpointSpec(
        id="i2v-A14B",
        title="Wan2.2 image to video, two 14B experts",
        geometry=_VAE_8X,
        defaults=Defaults(
            width=1280,
            height=720,
            num_frames=81,
            fps=16,
            steps=40,
            flow_shift=5.0,
            guidance_high_noise=3.5,
            guidance_low_noise=3.5,
            negative_prompt=WAN_NEGATIVE_PROMPT,
        ),
        boundary_ratio=0.9,
        takes_image=True,
        needs_image=True,
        takes_last_image=True,
        max_pixels=1280 * 720,
        max_frames=121,
        native_sizes=_A14B_SIZES,
    ),
    CheckpointSpec(
        id="ti2v-5B",
        title="Wan2.2 text and image to video, 5B",
        geometry=_VAE_16X,
        defaults=Defaults(
            width=1280,
            height=704,
            num_frames=121,
            fps=24,
            steps=50,
            flow_shift=5.0,
            guidance_high_noise=5.0,
            guidance_low_noise=5.0,
            negative_prompt=WAN_NEGATIVE_PROMPT,
        ),
        boundary_ratio=None,
        takes_image=True,
        expands_timesteps=True,
        takes_video=True,
        max_pixels=1280 * 704,
        max_frames=121,
        native_sizes=((1280, 704), (704, 1280)),
    ),
    CheckpointSpec(
        id="t2v-1.3B",
        title="Wan2.1 text to video, 1.3B",
        geometry=_VAE_8X,
        defaults=Defaults(
            width=832,
            height=480,
            num_frames=81,
            fps=16,
            steps=50,
            flow_shift=8.0,
            guidance_high_noise=6.0,
            guidance_low_noise=6.0,
            negative_prompt=WAN_NEGATIVE_PROMPT,
        ),
        boundary_ratio=None,
        takes_video=True,
        max_pixels=832 * 480,
        max_frames=121,
        native_sizes=((832, 480), (480, 832)),
    ),
    CheckpointSpec(
        id="vace-14B",
        title="Wan2.1 VACE: video from text, references and control videos, 14B",
        geometry=_VAE_8X,
        defaults=Defaults(
            width=1280,
            height=720,
            num_frames=81,
            fps=16,
            steps=50,
            flow_shift=16.0,
            guidance_high_noise=5.0,
            guidance_low_noise=5.0,
            negative_prompt=WAN_NEGATIVE_PROMPT,
        ),
        boundary_ratio=None,
        takes_control=True,
        max_pixels=1280 * 720,
        max_frames=121,
        native_sizes=_A14B_SIZES,
    ),
    CheckpointSpec(
        id="animate-14B",
        title="Wan2.2 Animate: a character moves as videos of pose and face show, 14B",
        geometry=_VAE_8X,
        defaults=Defaults(
            width=1280,
            height=720,
            num_frames=77,
            fps=30,
            steps=20,
            flow_shift=5.0,
            guidance_high_noise=1.0,
            guidance_low_noise=1.0,
            negative_prompt=WAN_NEGATIVE_PROMPT,
        ),
        boundary_ratio=None,
        animates_character=True,
        max_pixels=1280 * 720,
        max_frames=533,
        segment_frames=77,
        native_sizes=((1280, 720), (720, 1280)),
        note="A longer video is made 77 frames at a time, each time from the last frame of those before; its "
        "pose and face videos come from Wan's own preprocessing.",
    ),
)

#: The checkpoint a draft means when it names none: the one that is always here.
DEFAULT_CHECKPOINT: Final = "mini"
_IDS: Final = tuple(spec.id for spec in CHECKPOINTS)
MINIATURES: Final = frozenset(spec.id for spec in CHECKPOINTS if spec.is_miniature)


def checkpoint_spec(checkpoint_id: str) -> CheckpointSpec:
    """The specification with that id.

    Raises:
        UnknownCheckpoint: the message lists the ids there are.
    """
    for spec in CHECKPOINTS:
        if spec.id == checkpoint_id:
            return spec
    meant = "".join(f" Is {near} meant?" for near in closest(checkpoint_id, _IDS))
    raise UnknownCheckpoint(
        f"No checkpoint is called {checkpoint_id!r}.{meant} There are: {', '.join(_IDS)}."
    )


def chosen_checkpoint(named: str | None) -> CheckpointSpec:
    """The one that a request names, or the default.

    Raises:
        InvalidRequest: there is none of that name; the nearest are told.
    """
    try:
        return checkpoint_spec(DEFAULT_CHECKPOINT if named is None else named)
    except UnknownCheckpoint as error:
        nearest = closest(named or "", _IDS) or _IDS
        reason = f"no checkpoint is called {named!r}"
        violation = Violation(pointer="/checkpoint", reason=reason, nearest=nearest)
        raise InvalidRequest([violation]) from error
