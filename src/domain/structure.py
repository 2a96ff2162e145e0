"""What each checkpoint is built of, and what its weights take: to the byte, before a file is there.

Knows nothing of where weights lie on a disk: `domain.local_checkpoint` does, and takes the numbers of a
folder from its own files.

Sources: diffusers `scripts/convert_wan_to_diffusers.py` for the configurations, `WanTransformer3DModel`,
`AutoencoderKLWan` and transformers' `UMT5EncoderModel` for the parts. `tests/integration/
test_structures.py` builds each on the meta device and compares.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from domain.quantised_weights import QuantisedWeights, Share
from domain.side_branches import CharacterBranch, SideBranch, Tally, linear


class Precision(StrEnum):
    """How an expert's weights are kept. Sums are made in bf16, but where they are kept in fp32.

    In int8 and fp8 that is the matrices of the trunk's blocks, and all else is kept in bf16. Those in int8 are
    undone before they multiply; those in fp8 are multiplied as they are, by numbers that are rounded to fp8, too.
    """

    FP32 = "fp32"
    BF16 = "bf16"
    INT8 = "int8"
    FP8 = "fp8"

    @property
    def beside(self) -> "Precision":
        """What is kept so that is not in a matrix of the trunk's blocks."""
        return Precision.FP32 if self is Precision.FP32 else Precision.BF16

    @property
    def bytes_per_number(self) -> int:
        return {Precision.FP32: 4, Precision.BF16: 2, Precision.INT8: 1, Precision.FP8: 1}[self]


#: Numbers of a row that share a scale in int8, at most.
_INT8_GROUP: Final = 128


def int8_group(row: int) -> int:
    """Numbers that share a scale where a row has so many: a power of two that divides it."""
    return min(_INT8_GROUP, row & -row)


@dataclass(frozen=True, slots=True, kw_only=True)
class TransformerStructure:
    """One expert: Wan's transformer with cross attention to the text.

    Attributes:
        in_channels: latent channels it is given: noise, and what conditions it beside the noise.
        ffn_width: of the layer between a block's two feed-forward matrices.
        text_width: of the text encoder's embeddings.
        frequency_width: sines and cosines that a timestep is spelt with.
        patch: latent cells that make a token.
        side: what it has beside the trunk, for control or a character; None for most.
    """

    layers: int
    heads: int
    head_width: int
    ffn_width: int
    in_channels: int
    out_channels: int
    text_width: int = 4096
    frequency_width: int = 256
    patch: int = 4
    side: SideBranch | None = None

    @property
    def width(self) -> int:
        return self.heads * self.head_width

    @property
    def parameters(self) -> int:
        """Numbers in all of its tensors."""
        outside = self._embeddings + self._time_parameters + self._last_matrix + 2 * self.width
        return outside + self.layers * self._block_parameters + self._beside.parameters

    def weight_bytes(self, precision: Precision) -> int:
        """As it lies in memory once loaded with `precision`."""
        own = Tally(parameters=self.parameters, kept_in_fp32=self._kept_in_fp32)
        return _bytes(own, precision) - self.layers * self._block_saving(precision)

    def bytes_beside(self, quantised: QuantisedWeights, precision: Precision) -> int:
        """All that a GGUF file's quantised matrices leave, once loaded with `precision`."""
        kept = self._kept_in_fp32
        return _beside(self.parameters, quantised.all, kept, precision)

    def largest_block_bytes(self, quantised: QuantisedWeights, precision: Precision) -> int:
        """Of such an expert: the most that is moved at once where weights are streamed."""
        block, kept = quantised.largest_block, self._block_kept_in_fp32
        return block.size_bytes + _beside(self._block_parameters, block, kept, precision)

    def quantised_outer_bytes(self, quantised: QuantisedWeights, precision: Precision) -> int:
        """Of such an expert: all that is not in a block."""
        numbers = self.parameters - self.layers * self._block_parameters
        kept = self._kept_in_fp32 - self.layers * self._block_kept_in_fp32
        outside = quantised.outside
        return outside.size_bytes + _beside(numbers, outside, kept, precision)

    def lora_numbers(self, rank: int) -> int:
        """Numbers of a LoRA of that rank on every matrix of attention and of the feed-forward layers."""
        sides = 8 * 2 * self.width + 2 * (self.width + self.ffn_width)
        return self.layers * rank * sides

    def block_bytes(self, precision: Precision) -> int:
        """One of the trunk's blocks."""
        return _bytes(self._block, precision) - self._block_saving(precision)

    def streamed_block_bytes(self, precision: Precision) -> int:
        """The largest of its blocks, in the trunk or beside it: the most that is moved at once."""
        beside = Tally() if self.side is None else self.side.largest_block(self._block, self.width)
        return max(self.block_bytes(precision), _bytes(beside, precision))

    def outer_bytes(self, precision: Precision) -> int:
        """All that is not in a block, in the trunk or beside it."""
        blocks = self.layers * self.block_bytes(precision) + _bytes(self._side_blocks, precision)
        return self.weight_bytes(precision) - blocks

    @property
    def largest_matrix(self) -> int:
        """Numbers in the largest matrix of a block."""
        return self.width * max(self.width, self.ffn_width)

    def _block_saving(self, precision: Precision) -> int:
        """Bytes that a block's matrices take less than in bf16: one a number, but for the scales."""
        numbers = sum(rows * row for rows, row in self._block_shapes)
        match precision:
            case Precision.INT8:  # of each group, in bf16
                scales = sum(rows * (row // int8_group(row)) for rows, row in self._block_shapes)
                return numbers - scales * Precision.BF16.bytes_per_number
            case Precision.FP8:  # of each row, in fp32
                scales = sum(rows for rows, _ in self._block_shapes)
                return numbers - scales * Precision.FP32.bytes_per_number
            case _:
                return 0

    @property
    def _block_shapes(self) -> Sequence[tuple[int, int]]:
        """Rows, and numbers of a row, of a block's matrices; those of equal rows in one."""
        shapes = [(8 * self.width + self.ffn_width, self.width), (self.width, self.ffn_width)]
        if isinstance(self.side, CharacterBranch) and self.side.looks_width:
            shapes.append((2 * self.width, self.side.looks_width))
        return shapes

    @property
    def _block(self) -> Tally:
        return Tally(parameters=self._block_parameters, kept_in_fp32=self._block_kept_in_fp32)

    @property
    def _side_blocks(self) -> Tally:
        """Of the lists of blocks beside the trunk's."""
        if self.side is None:
            return Tally()
        return self.side.blocks(self._block, width=self.width, head_width=self.head_width)

    @property
    def _beside(self) -> Tally:
        """All of the side branch that is not in the trunk's blocks."""
        if self.side is None:
            return Tally()
        outside = self.side.outside(width=self.width, patch=self.patch, channels=self.out_channels)
        return outside + self._side_blocks

    @property
    def _block_parameters(self) -> int:
        # Beside the matrices: four norms of queries and keys, one affine norm, the shift table.
        own = self._block_matrices + 4 * self.width + self._block_kept_in_fp32
        return own + (0 if self.side is None else self.side.in_each_block(self.width))

    @property
    def _block_matrices(self) -> int:
        """Query, key, value and output of both attentions, and the two of the feed-forward layer."""
        attention = 8 * linear(self.width, self.width)
        return attention + linear(self.width, self.ffn_width) + linear(self.ffn_width, self.width)

    @property
    def _block_kept_in_fp32(self) -> int:
        """`norm2` and `scale_shift_table`: in `_keep_in_fp32_modules` of the model."""
        return 2 * self.width + 6 * self.width

    @property
    def _embeddings(self) -> int:
        """Of patches and of text."""
        patches = linear(self.in_channels * self.patch, self.width)
        return patches + linear(self.text_width, self.width) + linear(self.width, self.width)

    @property
    def _time_embedder(self) -> int:
        return linear(self.frequency_width, self.width) + linear(self.width, self.width)

    @property
    def _time_parameters(self) -> int:
        return self._time_embedder + linear(self.width, 6 * self.width)

    @property
    def _last_matrix(self) -> int:
        return linear(self.width, self.out_channels * self.patch)

    @property
    def _kept_in_fp32(self) -> int:
        """Those of the blocks, the time embedder, and the last shift table."""
        own = self.layers * self._block_kept_in_fp32 + self._time_embedder + 2 * self.width
        return own + self._beside.kept_in_fp32


@dataclass(frozen=True, slots=True, kw_only=True)
class TextEncoderStructure:
    """UMT5's encoder, with gated feed-forward layers and a position bias in each layer.

    Attributes:
        buckets: distances between tokens that the bias tells apart.
    """

    layers: int
    width: int
    heads: int
    head_width: int
    ffn_width: int
    vocabulary: int
    buckets: int = 32

    @property
    def parameters(self) -> int:
        """Numbers in all of its tensors; the embedding, which is tied, once."""
        attention = 4 * self.width * self.heads * self.head_width + self.buckets * self.heads
        block = attention + 3 * self.width * self.ffn_width + 2 * self.width
        return self.vocabulary * self.width + self.layers * block + self.width

    def weight_bytes(self, precision: Precision) -> int:
        """As it lies in memory, beside experts that are kept so."""
        return self.parameters * precision.beside.bytes_per_number


@dataclass(frozen=True, slots=True, kw_only=True)
class VaeStructure:
    """The causal video autoencoder, always in fp32, as its authors run it.

    Attributes:
        parameters: counted, not derived: nothing else here needs its layers.
        width: channels of the decoder at full resolution (`decoder_base_dim`, or `base_dim`).
        encoder_width: the same of the encoder.
        patch: pixels, each way, that one position of its full resolution stands for.
        is_residual: whether it is built as Wan2.2's 5B has it.
    """

    parameters: int
    width: int
    encoder_width: int
    patch: int = 1
    is_residual: bool = False

    @property
    def weight_bytes(self) -> int:
        return self.parameters * Precision.FP32.bytes_per_number


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageEncoderStructure:
    """CLIP's vision part, which reads a character's looks.

    Attributes:
        parameters: counted, not derived: nothing else here needs its layers.
        tokens: patches of the picture it reads, and one for all of it.
    """

    parameters: int
    layers: int
    width: int
    tokens: int

    def weight_bytes(self, precision: Precision) -> int:
        """As it lies in memory, beside experts that are kept so."""
        return self.parameters * precision.beside.bytes_per_number


@dataclass(frozen=True, slots=True, kw_only=True)
class Structure:
    """A whole checkpoint.

    Attributes:
        experts: how many transformers of the same structure there are.
        has_token_times: whether each token has a timestep of its own (`expand_timesteps`).
        image_encoder: what reads a character's looks; None for all but Animate.
        quantised: what of each expert its GGUF file keeps quantised; empty where none is one.
    """

    transformer: TransformerStructure
    experts: int
    text_encoder: TextEncoderStructure
    vae: VaeStructure
    has_token_times: bool = False
    image_encoder: ImageEncoderStructure | None = None
    quantised: tuple[QuantisedWeights, ...] = ()

    def weight_bytes(self, precision: Precision) -> int:
        """Of all parts, loaded with `precision`."""
        experts = sum(self.expert_bytes(precision))
        encoders = self.text_encoder.weight_bytes(precision) + self.image_encoder_bytes(precision)
        return experts + encoders + self.vae.weight_bytes

    def image_encoder_bytes(self, precision: Precision) -> int:
        """0 where there is none."""
        return self.image_encoder.weight_bytes(precision) if self.image_encoder else 0

    def expert_bytes(self, precision: Precision) -> tuple[int, ...]:
        """Of each expert. What a GGUF file keeps quantised is so with any precision."""
        if not self.quantised:
            return (self.transformer.weight_bytes(precision),) * self.experts
        return tuple(
            own.all.size_bytes + self.transformer.bytes_beside(own, precision)
            for own in self.quantised
        )

    def workspace_bytes(self, precision: Precision) -> int:
        """What a layer at work takes to undo how its weights are kept."""
        if self.quantised:
            return max(own.workspace_bytes for own in self.quantised)
        if precision is Precision.INT8:
            return self.transformer.largest_matrix * Precision.BF16.bytes_per_number
        return 0

    def block_bytes(self, precision: Precision) -> int:
        """The largest block of any expert."""
        if not self.quantised:
            return self.transformer.streamed_block_bytes(precision)
        return max(self.transformer.largest_block_bytes(own, precision) for own in self.quantised)

    def outer_bytes(self, precision: Precision) -> int:
        """The most that an expert has outside of its blocks."""
        if not self.quantised:
            return self.transformer.outer_bytes(precision)
        return max(self.transformer.quantised_outer_bytes(own, precision) for own in self.quantised)


def _beside(parameters: int, quantised: Share, kept: int, precision: Precision) -> int:
    """Of so many numbers, what is not quantised: `kept` of them in fp32 whatever the precision."""
    plain = parameters - quantised.numbers - kept
    return Precision.FP32.bytes_per_number * kept + precision.bytes_per_number * plain


def _bytes(tally: Tally, precision: Precision) -> int:
    """What that takes, loaded with `precision`, before any matrix is cast."""
    if precision is Precision.FP32:
        return tally.parameters * precision.bytes_per_number
    return tally.parameters * Precision.BF16.bytes_per_number + 2 * tally.kept_in_fp32
