"""What a transformer of the family has beside the text-to-video one, and what that adds to its weights.

Sources: `WanVACETransformer3DModel` and `WanAnimateTransformer3DModel` of diffusers; how many numbers
each part has is compared with both in `tests/integration/test_structures.py`.
"""

from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """Numbers in some tensors.

    Attributes:
        parameters: all of them.
        kept_in_fp32: those among them that are in fp32 also where the rest is in bf16 or int8.
    """

    parameters: int = 0
    kept_in_fp32: int = 0

    def __add__(self, other: "Tally") -> "Tally":
        return Tally(
            parameters=self.parameters + other.parameters,
            kept_in_fp32=self.kept_in_fp32 + other.kept_in_fp32,
        )

    def __mul__(self, times: int) -> "Tally":
        return Tally(parameters=times * self.parameters, kept_in_fp32=times * self.kept_in_fp32)


def linear(inputs: int, outputs: int) -> int:
    """Numbers in a matrix and its bias."""
    return inputs * outputs + outputs


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlBranch:
    """VACE's: blocks of its own that read the control, and give each some block of the trunk a hint.

    Attributes:
        layers: how many such blocks; their hints are all there before the trunk begins.
        in_channels: of the control: kept, made anew, and the mask of a latent's cell.
    """

    layers: int
    in_channels: int

    def in_each_block(self, width: int) -> int:
        """Numbers added to every block of the trunk: none."""
        del width
        return 0

    def blocks(self, block: Tally, *, width: int, head_width: int) -> Tally:
        """Lists of blocks beside the trunk's, which are streamed as those are."""
        del head_width
        square = Tally(parameters=linear(width, width))
        # Each has an output to the trunk; the first also takes the trunk's beginning in.
        return (block + square) * self.layers + square

    def largest_block(self, block: Tally, width: int) -> Tally:
        """Its first, where the trunk's are `block`."""
        return block + Tally(parameters=linear(width, width)) * 2

    def outside(self, *, width: int, patch: int, channels: int) -> Tally:
        """All else: the patches of the control."""
        del channels
        return Tally(parameters=linear(self.in_channels * patch, width))


@dataclass(frozen=True, slots=True, kw_only=True)
class CharacterBranch:
    """Animate's: pose, a character's looks, and a face whose movements some of the blocks are told.

    Attributes:
        adapters: after how many of the trunk's blocks the face is told.
        image_width: of the image encoder's states, by which the looks come.
        looks_width: that each block's cross attention reads the looks with; 0 where it reads none.
        motion_parameters: of the network from a face to its motion; counted, not derived.
        motion_in_fp32: those among them that are kept in fp32.
        face_parameters: of the network from motions to tokens; counted, not derived.
        face_side: pixels, each way, of the face.
        face_frames: faces that are looked at at once (`motion_encoder_batch_size`).
        face_channels: of the motion network's first layer.
    """

    adapters: int
    image_width: int
    looks_width: int
    motion_parameters: int
    motion_in_fp32: int
    face_parameters: int
    face_side: int
    face_frames: int
    face_channels: int

    def in_each_block(self, width: int) -> int:
        """Numbers added to every block of the trunk: key and value of the looks, and the key's norm."""
        return 2 * linear(self.looks_width, width) + width if self.looks_width else 0

    def blocks(self, block: Tally, *, width: int, head_width: int) -> Tally:
        """Lists of blocks beside the trunk's, which are streamed as those are: the face's attention."""
        del block
        return Tally(parameters=4 * linear(width, width) + 2 * head_width) * self.adapters

    def largest_block(self, block: Tally, width: int) -> Tally:
        """One face attention; smaller than the trunk's."""
        del block
        return Tally(parameters=4 * linear(width, width))

    def outside(self, *, width: int, patch: int, channels: int) -> Tally:
        """All else."""
        norms = 2 * self.image_width + 2 * width
        looks = linear(self.image_width, self.image_width) + linear(self.image_width, width)
        others = linear(channels * patch, width) + self.motion_parameters + self.face_parameters
        return Tally(parameters=others + looks + norms, kept_in_fp32=norms + self.motion_in_fp32)


SideBranch: TypeAlias = ControlBranch | CharacterBranch
