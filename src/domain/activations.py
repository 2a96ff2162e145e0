"""What the networks hold beside their weights while they work: formulas, in bytes at the peak.

Each was fitted to a run of the real configurations on fake tensors, whose live storage was tracked
(`tests/integration/test_activations.py` repeats it). They leave out what kernels take for themselves and
what an allocator cannot use: `domain.demand` adds that.
"""

from math import prod
from typing import Final

from domain.side_branches import CharacterBranch, ControlBranch
from domain.structure import (
    ImageEncoderStructure,
    Precision,
    TextEncoderStructure,
    TransformerStructure,
    VaeStructure,
)

#: Tokens UMT5 is given: `MAX_TOKENS` of the denoise loop.
_TEXT_TOKENS: Final = 512
#: Pixels: a side of the VAE's tiles, `tile_sample_min_height` of `AutoencoderKLWan`, and how far apart
#: they begin.
TILE_SIDE: Final = 256
TILE_STRIDE: Final = 192

#: Planes of the decoder's full resolution that are alive at once: features of four frames, and those of
#: two frames that every causal convolution keeps.
_DECODER_PLANES: Final = 50.7
_RESIDUAL_DECODER_PLANES: Final = 84.2
#: The same of the encoder; the residual one keeps little for a single picture.
_ENCODER_PLANES: Final = 36.8
_RESIDUAL_ENCODER_PLANES: Final = 44.9
_RESIDUAL_PICTURE_PLANES: Final = 12.2
_FLOAT: Final = 4
#: Planes of the first layer of Animate's motion network that are alive at once.
_MOTION_PLANES: Final = 5.1
#: States that CLIP holds at once beside those after each layer.
_LOOKS_STATES: Final = 14
#: States of Animate's face attention, as wide as a token's, beside what a block holds.
_FACE_STATES: Final = 2


def text_encoding_bytes(encoder: TextEncoderStructure, precision: Precision) -> int:
    """One prompt through UMT5: its attention scores, which are not fused, and its position bias."""
    size = precision.beside.bytes_per_number
    return encoder.heads * _TEXT_TOKENS**2 * (2 * size + 4 * _FLOAT)


def looks_bytes(encoder: ImageEncoderStructure, precision: Precision) -> int:
    """One picture through CLIP, which gives the states after each of its layers."""
    size = precision.beside.bytes_per_number
    return (encoder.layers + _LOOKS_STATES) * encoder.tokens * encoder.width * size


def denoising_bytes(
    transformer: TransformerStructure,
    tokens: int,
    precision: Precision,
    *,
    has_token_times: bool,
    num_frames: int = 0,
) -> int:
    """One forward of an expert, attention fused (SDPA); guidance is two of them, one after the other.

    Linear in the tokens and independent of the depth. The peak is in a block's feed-forward layer or in
    the float32 arithmetic of its norms, whichever is wider; where there is a control, while all its
    hints wait for the trunk; in a short video of a character, where its face is looked at.

    Args:
        num_frames: of the video, where a character's face is given for each.
    """
    width = transformer.width
    size = precision.beside.bytes_per_number
    feed_forward = 2 * transformer.ffn_width * size + 4 * width * size
    if precision is Precision.FP8:  # what its second matrix is given: as it was, scaled, and in fp8
        feed_forward += transformer.ffn_width * precision.bytes_per_number
    # In bf16 the input of a norm is copied to float32 first.
    norms = width * size + width * _FLOAT * (3 if size == _FLOAT else 5)
    times = (7 * width * size + 6 * width * _FLOAT) if has_token_times else 0
    rotations = 2 * transformer.head_width * _FLOAT
    states = width * size
    trunk = tokens * (max(feed_forward, norms) + times + rotations)
    match transformer.side:
        case ControlBranch(layers=layers):
            return trunk + tokens * (layers + 1) * states
        case CharacterBranch() as side:
            motion = tokens * states + _motion_bytes(side, num_frames, size)
            # With guidance, there is a face of black beside the given one.
            faces = 2 * num_frames * 3 * side.face_side**2 * size
            return max(trunk + tokens * _FACE_STATES * states, motion) + faces
        case None:
            return trunk


def _motion_bytes(side: CharacterBranch, num_frames: int, size: int) -> int:
    faces = min(num_frames, side.face_frames)
    return int(faces * side.face_side**2 * side.face_channels * _MOTION_PLANES * size)


def image_encoding_bytes(
    vae: VaeStructure,
    *,
    width: int,
    height: int,
    num_frames: int,
    is_tiled: bool,
    is_control: bool = False,
) -> int:
    """`num_frames` pictures, given or empty, to latents; all of them are held twice.

    The residual one holds them a third time, folded into its channels. Of a control, the video, its
    mask, where that is and what is left of the video are held.
    """
    pictures, planes = 4 if is_control else 2, _ENCODER_PLANES
    if vae.is_residual:
        pictures += 1
        planes = _RESIDUAL_ENCODER_PLANES if num_frames > 1 else _RESIDUAL_PICTURE_PLANES
    pictures *= num_frames * width * height * 3 * _FLOAT
    return pictures + _at_once(vae, planes * vae.encoder_width, width, height, is_tiled)


def decoding_bytes(vae: VaeStructure, *, width: int, height: int, is_tiled: bool) -> int:
    """One latent frame to four pictures, with what the VAE keeps of the frames before."""
    planes = _RESIDUAL_DECODER_PLANES if vae.is_residual else _DECODER_PLANES
    return _at_once(vae, planes * vae.width, width, height, is_tiled)


def tiled_pictures_bytes(*, width: int, height: int, num_frames: int) -> int:
    """What tiled decoding holds on the host: every picture, in float32, overlaps included."""
    overlap = (TILE_SIDE / TILE_STRIDE) ** 2
    return int(num_frames * width * height * 3 * _FLOAT * overlap)


def _at_once(vae: VaeStructure, planes: float, width: int, height: int, is_tiled: bool) -> int:
    sides = (min(width, TILE_SIDE), min(height, TILE_SIDE)) if is_tiled else (width, height)
    return int(prod(sides) / vae.patch**2 * planes * _FLOAT)
