"""What each checkpoint is built of, and what its weights take: to the byte, before a file is there.

Knows nothing of where weights lie on a disk: `domain.local_checkpoint` does, and takes the numbers of a
folder from its own files.

Sources: diffusers `scripts/convert_wan_to_diffusers.py` for the configurations, `WanTransformer3DModel`,
`AutoencoderKLWan` and transformers' `UMT5EncoderModel` for the parts. `tests/integration/
test_structures.py` builds each on the meta device and compares.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from domain.quantised_weights import QuantisedWeights, Share


class Precision(StrEnum):
    """How an expert's weights are kept. Sums are made in bf16 where they are kept in bf16 or int8."""

    FP32 = "fp32"
    BF16 = "bf16"
    INT8 = "int8"

    @property
    def bytes_per_number(self) -> int:
        return {Precision.FP32: 4, Precision.BF16: 2, Precision.INT8: 1}[self]

    @classmethod
    def _missing_(cls, value: object) -> "Precision | None":
        # What kept plans of earlier versions call it (ADR-0030).
        return cls.INT8 if value == "fp8" else None


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

    @property
    def width(self) -> int:
        return self.heads * self.head_width

    @property
    def parameters(self) -> int:
        """Numbers in all of its tensors."""
        outside = self._embeddings + self._time_parameters + self._last_matrix + 2 * self.width
        return outside + self.layers * self._block_parameters

    def weight_bytes(self, precision: Precision) -> int:
        """As it lies in memory once loaded with `precision`."""
        whole = self.parameters * Precision.BF16.bytes_per_number
        match precision:
            case Precision.FP32:
                return self.parameters * precision.bytes_per_number
            case Precision.BF16:
                return whole + 2 * self._kept_in_fp32
            case Precision.INT8:  # the matrices of the blocks
                return whole + 2 * self._kept_in_fp32 - self.layers * self._block_saving

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

    def block_bytes(self, precision: Precision) -> int:
        """One of its blocks: what is moved at once where weights are streamed."""
        block = self._block_parameters * Precision.BF16.bytes_per_number
        match precision:
            case Precision.FP32:
                return self._block_parameters * precision.bytes_per_number
            case Precision.BF16:
                return block + 2 * self._block_kept_in_fp32
            case Precision.INT8:
                return block + 2 * self._block_kept_in_fp32 - self._block_saving

    def outer_bytes(self, precision: Precision) -> int:
        """All that is not in a block."""
        return self.weight_bytes(precision) - self.layers * self.block_bytes(precision)

    @property
    def largest_matrix(self) -> int:
        """Numbers in the largest matrix of a block."""
        return self.width * max(self.width, self.ffn_width)

    @property
    def _block_saving(self) -> int:
        """Bytes that a block takes less in int8: one a number, but for the scales in bf16."""
        from_ffn = self.width * self.ffn_width  # the numbers whose rows are so wide
        from_width = 8 * self.width**2 + from_ffn
        scales = from_width // int8_group(self.width) + from_ffn // int8_group(self.ffn_width)
        return from_width + from_ffn - scales * Precision.BF16.bytes_per_number

    @property
    def _block_parameters(self) -> int:
        # Beside the matrices: four norms of queries and keys, one affine norm, the shift table.
        return self._block_matrices + 4 * self.width + self._block_kept_in_fp32

    @property
    def _block_matrices(self) -> int:
        """Query, key, value and output of both attentions, and the two of the feed-forward layer."""
        attention = 8 * _linear(self.width, self.width)
        return attention + _linear(self.width, self.ffn_width) + _linear(self.ffn_width, self.width)

    @property
    def _block_kept_in_fp32(self) -> int:
        """`norm2` and `scale_shift_table`: in `_keep_in_fp32_modules` of the model."""
        return 2 * self.width + 6 * self.width

    @property
    def _embeddings(self) -> int:
        """Of patches and of text."""
        patches = _linear(self.in_channels * self.patch, self.width)
        return patches + _linear(self.text_width, self.width) + _linear(self.width, self.width)

    @property
    def _time_embedder(self) -> int:
        return _linear(self.frequency_width, self.width) + _linear(self.width, self.width)

    @property
    def _time_parameters(self) -> int:
        return self._time_embedder + _linear(self.width, 6 * self.width)

    @property
    def _last_matrix(self) -> int:
        return _linear(self.width, self.out_channels * self.patch)

    @property
    def _kept_in_fp32(self) -> int:
        """Those of the blocks, the time embedder, and the last shift table."""
        return self.layers * self._block_kept_in_fp32 + self._time_embedder + 2 * self.width


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
        """As it lies in memory; where experts are kept in int8, it is kept in bf16."""
        kept = Precision.BF16 if precision is Precision.INT8 else precision
        return self.parameters * kept.bytes_per_number


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
class Structure:
    """A whole checkpoint.

    Attributes:
        experts: how many transformers of the same structure there are.
        has_token_times: whether each token has a timestep of its own (`expand_timesteps`).
        quantised: what of each expert its GGUF file keeps quantised; empty where none is one.
    """

    transformer: TransformerStructure
    experts: int
    text_encoder: TextEncoderStructure
    vae: VaeStructure
    has_token_times: bool = False
    quantised: tuple[QuantisedWeights, ...] = ()

    def weight_bytes(self, precision: Precision) -> int:
        """Of all parts, loaded with `precision`."""
        experts = sum(self.expert_bytes(precision))
        return experts + self.text_encoder.weight_bytes(precision) + self.vae.weight_bytes

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
            return self.transformer.block_bytes(precision)
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


def _linear(inputs: int, outputs: int) -> int:
    """Numbers in a matrix and its bias."""
    return inputs * outputs + outputs


_UMT5_XXL: Final = TextEncoderStructure(
    layers=24, width=4096, heads=64, head_width=64, ffn_width=10240, vocabulary=256_384
)
_VAE_2_1: Final = VaeStructure(parameters=126_892_531, width=96, encoder_width=96)
_VAE_2_2: Final = VaeStructure(
    parameters=704_688_668,
    width=256,
    encoder_width=160,
    patch=2,
    is_residual=True,
)


def _14b(in_channels: int) -> TransformerStructure:
    return TransformerStructure(
        layers=40,
        heads=40,
        head_width=128,
        ffn_width=13824,
        in_channels=in_channels,
        out_channels=16,
    )


#: By checkpoint id. The embedded ones are told by their own files.
STRUCTURES: Final[Mapping[str, Structure]] = {
    "t2v-A14B": Structure(transformer=_14b(16), experts=2, text_encoder=_UMT5_XXL, vae=_VAE_2_1),
    "i2v-A14B": Structure(transformer=_14b(36), experts=2, text_encoder=_UMT5_XXL, vae=_VAE_2_1),
    "ti2v-5B": Structure(
        transformer=TransformerStructure(
            layers=30,
            heads=24,
            head_width=128,
            ffn_width=14336,
            in_channels=48,
            out_channels=48,
        ),
        experts=1,
        text_encoder=_UMT5_XXL,
        vae=_VAE_2_2,
        has_token_times=True,
    ),
    "t2v-1.3B": Structure(
        transformer=TransformerStructure(
            layers=30, heads=12, head_width=128, ffn_width=8960, in_channels=16, out_channels=16
        ),
        experts=1,
        text_encoder=_UMT5_XXL,
        vae=_VAE_2_1,
    ),
}
