"""The formulas for what the networks hold while they work, against runs of the real ones.

On fake tensors: the real widths at the real sizes, with neither memory nor weights. A forward holds the
same whatever the depth, so two layers do.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import Any

import pytest
import torch
from diffusers import (
    AutoencoderKLWan,
    WanAnimateTransformer3DModel,
    WanTransformer3DModel,
    WanVACETransformer3DModel,
)
from torch._subclasses import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode
from transformers import CLIPVisionConfig, CLIPVisionModel, UMT5Config, UMT5EncoderModel

from adapters.diffusers.cast_blocks import cast_blocks
from adapters.diffusers.fp8_weights import BY_ROWS, Fp8Linear
from adapters.diffusers.loras import LoraStack, _Addition, _Change
from adapters.diffusers.shared_timestep import one_timestep_for_all
from domain.activations import (
    TILE_SIDE,
    TILE_STRIDE,
    decoding_bytes,
    denoising_bytes,
    image_encoding_bytes,
    looks_bytes,
    text_encoding_bytes,
)
from domain.checkpoint import checkpoint_spec
from domain.known_structures import STRUCTURES
from domain.structure import Precision
from tests.integration.live_bytes import LiveBytes
from tests.integration.test_structures import (
    CLIP_VIT_H,
    SHARED,
    TRANSFORMERS,
    UMT5_XXL,
    VAE_2_2,
)

pytestmark = pytest.mark.slow

DTYPES = {
    Precision.FP8: torch.bfloat16,
    Precision.BF16: torch.bfloat16,
    Precision.FP32: torch.float32,
}


@pytest.fixture(autouse=True)
def fake() -> Iterator[None]:
    with FakeTensorMode(allow_non_fake_inputs=True), torch.no_grad():
        yield


def loaded(module: Any, precision: Precision) -> Any:
    kept = set(getattr(module, "_keep_in_fp32_modules", None) or ())
    for name, parameter in module.named_parameters():
        if not kept & set(name.split(".")):
            parameter.data = parameter.data.to(DTYPES[precision])
    return module


def tracked(module: Any, *inputs: torch.Tensor) -> LiveBytes:
    return LiveBytes([*module.parameters(), *module.buffers(), *inputs])


@pytest.mark.parametrize(
    ("checkpoint_id", "precision", "frames", "height", "width", "has_token_times"),
    [
        ("t2v-A14B", Precision.BF16, 81, 720, 1280, False),
        ("t2v-A14B", Precision.BF16, 81, 480, 832, False),
        ("t2v-A14B", Precision.FP32, 81, 480, 832, False),
        ("i2v-A14B", Precision.BF16, 81, 720, 1280, False),
        ("t2v-1.3B", Precision.BF16, 81, 480, 832, False),
        ("t2v-1.3B", Precision.FP32, 17, 480, 832, False),
        ("ti2v-5B", Precision.BF16, 121, 704, 1280, True),
        ("ti2v-5B", Precision.BF16, 121, 704, 1280, False),
        ("ti2v-5B", Precision.FP32, 121, 704, 1280, True),
        ("t2v-A14B", Precision.FP8, 81, 720, 1280, False),
        ("t2v-1.3B", Precision.FP8, 81, 480, 832, False),
        ("ti2v-5B", Precision.FP8, 121, 704, 1280, True),
    ],
)
def test_a_forward_holds_what_is_said(
    checkpoint_id: str,
    precision: Precision,
    frames: int,
    height: int,
    width: int,
    has_token_times: bool,
) -> None:
    config = SHARED | TRANSFORMERS[checkpoint_id] | {"num_layers": 2}
    expert = loaded(WanTransformer3DModel(**config), precision)
    if precision is Precision.FP8:
        cast_blocks(expert.blocks, partial(Fp8Linear, device=torch.device("cpu"), product=BY_ROWS))
    geometry = checkpoint_spec(checkpoint_id).geometry
    size = {"num_frames": frames, "height": height, "width": width}
    tokens = geometry.tokens(**size)
    _, *cells = geometry.latent_shape(**size)
    latents = torch.empty(1, config["in_channels"], *cells, dtype=DTYPES[precision])
    text = torch.empty(1, 512, config["text_dim"], dtype=DTYPES[precision])
    time = torch.empty(1, tokens) if has_token_times else torch.empty(1)

    with tracked(expert, latents, text, time) as live:
        expert(latents, time, text, return_dict=False)

    said = denoising_bytes(
        STRUCTURES[checkpoint_id].transformer,
        tokens,
        precision,
        has_token_times=has_token_times,
    )
    assert said == pytest.approx(live.peak, rel=0.01)


@pytest.mark.parametrize("precision", [Precision.BF16, Precision.FP32])
@pytest.mark.parametrize(("height", "width"), [(704, 1280), (480, 832)])
def test_tokens_at_one_timestep_hold_no_embedding_each(
    precision: Precision, height: int, width: int
) -> None:
    # The pipeline kept one embedding for all, the plan counted one for each: more than twice what was taken.
    config = SHARED | TRANSFORMERS["ti2v-5B"] | {"num_layers": 2}
    expert = loaded(WanTransformer3DModel(**config), precision)
    geometry = checkpoint_spec("ti2v-5B").geometry
    size = {"num_frames": 121, "height": height, "width": width}
    tokens = geometry.tokens(**size)
    _, *cells = geometry.latent_shape(**size)
    latents = torch.empty(1, config["in_channels"], *cells, dtype=DTYPES[precision])
    text = torch.empty(1, 512, config["text_dim"], dtype=DTYPES[precision])
    time = torch.empty(1, tokens)

    with (
        one_timestep_for_all([expert]),
        tracked(expert, latents, text, time) as live,
        AllAlike(),
    ):
        expert(latents, time, text, return_dict=False)

    transformer = STRUCTURES["ti2v-5B"].transformer
    said = denoising_bytes(transformer, tokens, precision, has_token_times=False)
    assert said == pytest.approx(live.peak, rel=0.01)


@pytest.mark.parametrize(
    ("checkpoint_id", "frames", "height", "width"),
    [("t2v-A14B", 81, 720, 1280), ("t2v-1.3B", 81, 480, 832)],
)
def test_loras_hold_nothing_beside_their_own_tensors(
    checkpoint_id: str, frames: int, height: int, width: int
) -> None:
    # What one added to a feed-forward layer was a third tensor of its width: 0.8 GiB more at 1280x720.
    config = SHARED | TRANSFORMERS[checkpoint_id] | {"num_layers": 2}
    expert = loaded(WanTransformer3DModel(**config), Precision.BF16)
    geometry = checkpoint_spec(checkpoint_id).geometry
    size = {"num_frames": frames, "height": height, "width": width}
    _, *cells = geometry.latent_shape(**size)
    latents = torch.empty(1, config["in_channels"], *cells, dtype=torch.bfloat16)
    text = torch.empty(1, 512, config["text_dim"], dtype=torch.bfloat16)
    time = torch.empty(1)
    files = list(wear_lora(expert, rank=64))

    with tracked(expert, latents, text, time, *files) as live:
        expert(latents, time, text, return_dict=False)

    transformer, tokens = STRUCTURES[checkpoint_id].transformer, geometry.tokens(**size)
    said = denoising_bytes(transformer, tokens, Precision.BF16, has_token_times=False)
    said += 2 * replace(transformer, layers=2).lora_numbers(64)
    assert said == pytest.approx(live.peak, rel=0.01)


def wear_lora(expert: Any, *, rank: int) -> Iterator[torch.Tensor]:
    """Put one on every matrix of the blocks, as files in fp32 have it; gives what lies there."""
    for name, layer in expert.blocks.named_modules():
        if isinstance(layer, torch.nn.Linear):
            change = _Change(
                down=torch.empty(rank, layer.in_features), up=torch.empty(layer.out_features, rank)
            )
            addition = _Addition(LoraStack(expert), change, name, layer, 1.0, of="any")
            layer.register_forward_hook(addition)
            yield from (part for part in (change.down, change.up) if part is not None)


class AllAlike(TorchDispatchMode):
    """Fake tensors have no numbers: whoever asks for one is told that it is true."""

    def __torch_dispatch__(
        self, func: Callable[..., Any], types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        if func is torch.ops.aten._local_scalar_dense.default:
            return True
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize(
    ("precision", "frames", "height", "width", "references"),
    [
        (Precision.BF16, 81, 720, 1280, 0),
        (Precision.BF16, 81, 480, 832, 3),
        (Precision.FP32, 17, 480, 832, 0),
    ],
)
def test_a_forward_with_a_control_holds_what_is_said(
    precision: Precision, frames: int, height: int, width: int, references: int
) -> None:
    config = SHARED | TRANSFORMERS["vace-14B"] | {"num_layers": 8, "vace_layers": [*range(8)]}
    expert = loaded(WanVACETransformer3DModel(**config), precision)
    geometry = checkpoint_spec("vace-14B").geometry
    size = {"num_frames": frames + 4 * references, "height": height, "width": width}
    _, *cells = geometry.latent_shape(**size)
    dtype = DTYPES[precision]
    given = {
        "hidden_states": torch.empty(1, 16, *cells, dtype=dtype),
        "timestep": torch.ones(1),
        "encoder_hidden_states": torch.empty(1, 512, 4096, dtype=dtype),
        "control_hidden_states": torch.empty(1, 96, *cells, dtype=dtype),
    }

    with tracked(expert, *given.values()) as live:
        expert(**given, return_dict=False)

    transformer, tokens = STRUCTURES["vace-14B"].transformer, geometry.tokens(**size)
    said = denoising_bytes(transformer, tokens, precision, has_token_times=False)
    assert said == pytest.approx(live.peak, rel=0.01)


@pytest.mark.parametrize(
    ("precision", "frames", "height", "width"),
    [
        (Precision.BF16, 77, 720, 1280),
        (Precision.BF16, 77, 480, 832),
        (Precision.BF16, 77, 64, 64),
        (Precision.FP32, 5, 480, 832),
    ],
)
def test_a_forward_with_a_character_holds_what_is_said(
    precision: Precision, frames: int, height: int, width: int
) -> None:
    config = SHARED | TRANSFORMERS["animate-14B"] | {"num_layers": 5}
    expert = loaded(WanAnimateTransformer3DModel(**config), precision)
    geometry = checkpoint_spec("animate-14B").geometry
    size = {"num_frames": frames, "height": height, "width": width}
    _, times, *cells = geometry.latent_shape(**size)
    dtype = DTYPES[precision]
    face = torch.empty(1, 3, frames, 512, 512, dtype=dtype)
    given = {
        "hidden_states": torch.empty(1, 36, times + 1, *cells, dtype=dtype),
        "timestep": torch.ones(1),
        "encoder_hidden_states": torch.empty(1, 512, 4096, dtype=dtype),
        "encoder_hidden_states_image": torch.empty(1, 257, 1280, dtype=dtype),
        "pose_hidden_states": torch.empty(1, 16, times, *cells, dtype=dtype),
        "face_pixel_values": face,
    }

    with tracked(expert, *given.values()) as live:
        expert(**given, return_dict=False)

    transformer = STRUCTURES["animate-14B"].transformer
    tokens = geometry.tokens(**size | {"num_frames": frames + geometry.temporal_stride})
    said = denoising_bytes(transformer, tokens, precision, has_token_times=False, num_frames=frames)
    with_no_face_beside_it = live.peak + 2 * face.nbytes
    assert said == pytest.approx(with_no_face_beside_it, rel=0.02)


def test_reading_a_characters_looks_holds_what_is_said() -> None:
    encoder = loaded(CLIPVisionModel(CLIPVisionConfig(**CLIP_VIT_H)), Precision.BF16)
    pixels = torch.empty(1, 3, 224, 224, dtype=torch.bfloat16)

    with tracked(encoder, pixels) as live:
        encoder(pixels, output_hidden_states=True)

    structure = STRUCTURES["animate-14B"].image_encoder
    assert structure is not None
    assert looks_bytes(structure, Precision.BF16) == pytest.approx(live.peak, rel=0.05)


@pytest.mark.parametrize("precision", DTYPES)
def test_reading_a_prompt_holds_what_is_said(precision: Precision) -> None:
    config = UMT5Config(**UMT5_XXL | {"num_layers": 2, "vocab_size": 1000})
    encoder = loaded(UMT5EncoderModel(config), precision)
    tokens = torch.zeros(1, 512, dtype=torch.long)

    with tracked(encoder, tokens) as live:
        encoder(tokens, torch.ones_like(tokens))

    said = text_encoding_bytes(STRUCTURES["t2v-A14B"].text_encoder, precision)
    assert said == pytest.approx(live.peak, rel=0.05)


@pytest.mark.parametrize(
    ("checkpoint_id", "config", "height", "width", "is_tiled"),
    [
        ("t2v-A14B", {}, 720, 1280, False),
        ("t2v-A14B", {}, TILE_SIDE, TILE_SIDE, True),
        ("ti2v-5B", VAE_2_2, 704, 1280, False),
    ],
)
def test_decoding_frame_by_frame_holds_what_is_said(
    checkpoint_id: str, config: dict[str, Any], height: int, width: int, is_tiled: bool
) -> None:
    vae = AutoencoderKLWan(**config)
    geometry = checkpoint_spec(checkpoint_id).geometry
    _, *cells = geometry.latent_shape(num_frames=9, height=height, width=width)
    latents = torch.empty(1, geometry.channels, *cells)
    vae.clear_cache()

    with tracked(vae, latents) as live:
        for index in range(latents.shape[2]):
            vae.decoder(
                latents[:, :, index : index + 1],
                feat_cache=vae._feat_map,
                feat_idx=[0],
                first_chunk=index == 0,
            )

    said = decoding_bytes(
        STRUCTURES[checkpoint_id].vae, width=width, height=height, is_tiled=is_tiled
    )
    assert said == pytest.approx(live.peak, rel=0.02)


@pytest.mark.parametrize(
    ("checkpoint_id", "config", "frames", "height", "width"),
    [
        ("i2v-A14B", {}, 9, 720, 1280),
        ("i2v-A14B", {}, 17, 480, 832),
        ("ti2v-5B", VAE_2_2, 1, 704, 1280),
        ("ti2v-5B", VAE_2_2, 9, 704, 1280),
        ("ti2v-5B", VAE_2_2, 17, 480, 832),
    ],
)
def test_encoding_pictures_holds_what_is_said(
    checkpoint_id: str, config: dict[str, Any], frames: int, height: int, width: int
) -> None:
    vae = AutoencoderKLWan(**config)
    pictures = torch.empty(1, 3, frames, height, width)

    with tracked(vae, pictures) as live:
        vae.encode(pictures)

    said = image_encoding_bytes(
        STRUCTURES[checkpoint_id].vae,
        width=width,
        height=height,
        num_frames=frames,
        is_tiled=False,
    )
    given_twice = 2 * pictures.nbytes
    assert said == pytest.approx(live.peak + given_twice, rel=0.02)


def test_tiles_are_those_of_the_library() -> None:
    vae = AutoencoderKLWan()

    assert vae.tile_sample_min_height == vae.tile_sample_min_width == TILE_SIDE
    assert vae.tile_sample_stride_height == vae.tile_sample_stride_width == TILE_STRIDE
