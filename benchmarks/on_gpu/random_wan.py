"""Wan with random weights, in full size or tiny, made where they are to lie: nothing is read or downloaded."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any, Final

import torch
from accelerate import init_empty_weights
from accelerate.utils import set_module_tensor_to_device
from diffusers import AutoencoderKLWan, UniPCMultistepScheduler, WanTransformer3DModel
from transformers import AutoTokenizer, UMT5Config, UMT5EncoderModel

import adapters.embedded
from adapters.diffusers.loading import LoadedCheckpoint, assemble, computing_dtype
from adapters.diffusers.parts import PlacedPipeline
from adapters.diffusers.prompt_cache import PromptCache
from domain.checkpoint import checkpoint_spec
from domain.known_structures import STRUCTURES
from domain.local_checkpoint import LocalCheckpoint
from domain.placement import Place, Placement
from domain.structure import Structure, TextEncoderStructure, TransformerStructure
from domain.structure import VaeStructure as Vae

#: Numbers that are drawn; weights repeat them, scaled.
_DRAWN: Final = 2**22
#: Another vocabulary than UMT5-XXL's, within it.
_TOKENIZER: Final = Path(adapters.embedded.__path__[0]) / "mini" / "tokenizer"
_VAE_2_1: Final[Mapping[str, Any]] = {}
#: As `tests/integration/test_structures.py` has it.
_VAE_2_2: Final[Mapping[str, Any]] = {
    "base_dim": 160,
    "decoder_base_dim": 256,
    "z_dim": 48,
    "dim_mult": [1, 2, 4, 4],
    "num_res_blocks": 2,
    "temperal_downsample": [False, True, True],
    "is_residual": True,
    "in_channels": 12,
    "out_channels": 12,
    "patch_size": 2,
    "scale_factor_spatial": 16,
    "latents_mean": [0.0] * 48,
    "latents_std": [1.0] * 48,
}
_TINY_VAE: Final[Mapping[str, Any]] = {"base_dim": 4, "dim_mult": [1, 1, 1, 1], "num_res_blocks": 1}


@dataclass(frozen=True)
class RandomWan:
    """A checkpoint that lies nowhere. `vae`: arguments of `AutoencoderKLWan`."""

    checkpoint: LocalCheckpoint
    vae: Mapping[str, Any]

    @property
    def structure(self) -> Structure:
        assert self.checkpoint.structure is not None, "made with one"
        return self.checkpoint.structure


def full_size(checkpoint_id: str) -> RandomWan:
    """As its authors made it."""
    structure = STRUCTURES[checkpoint_id]
    return _wan(checkpoint_id, structure, _VAE_2_2 if structure.vae.is_residual else _VAE_2_1)


def tiny(checkpoint_id: str) -> RandomWan:
    """The same parts, joined in the same way, of a few thousand numbers each."""
    real = STRUCTURES[checkpoint_id]
    channels = real.transformer.out_channels
    vae = {**(_VAE_2_2 if real.vae.is_residual else _VAE_2_1), **_TINY_VAE}
    vae.pop("decoder_base_dim", None)
    with init_empty_weights():
        network = AutoencoderKLWan(**vae)
    structure = Structure(
        transformer=TransformerStructure(
            layers=2,
            heads=2,
            head_width=12,
            ffn_width=32,
            in_channels=channels,
            out_channels=channels,
            text_width=16,
            frequency_width=32,
        ),
        experts=real.experts,
        text_encoder=TextEncoderStructure(
            layers=2, width=16, heads=2, head_width=8, ffn_width=32, vocabulary=200
        ),
        vae=Vae(
            parameters=sum(p.numel() for p in network.parameters()),
            width=4,
            encoder_width=4,
            patch=real.vae.patch,
            is_residual=real.vae.is_residual,
        ),
        has_token_times=real.has_token_times,
    )
    return _wan(checkpoint_id, structure, vae)


def _wan(checkpoint_id: str, structure: Structure, vae: Mapping[str, Any]) -> RandomWan:
    spec = checkpoint_spec(checkpoint_id)
    local = LocalCheckpoint(spec=spec, folder=Path(), components=(), structure=structure)
    return RandomWan(checkpoint=local, vae=vae)


class RandomWeights:
    """Loads as `adapters.diffusers.loading.load` does, but from nothing.

    Every time the same numbers, wherever they lie, and both experts the same: host memory has room for
    one of A14B's and its pinned copies.
    """

    def __init__(self, *wans: RandomWan) -> None:
        self._wans = {wan.checkpoint.spec.id: wan for wan in wans}
        self._drawn = torch.randn(_DRAWN, generator=torch.Generator().manual_seed(0))
        self._tokenizer = AutoTokenizer.from_pretrained(_TOKENIZER)
        self._at_home: dict[tuple[str, str, torch.dtype], torch.Tensor] = {}

    def load(
        self,
        checkpoint: LocalCheckpoint,
        placement: Placement,
        device: torch.device,
        cache: PromptCache | None = None,
    ) -> LoadedCheckpoint:
        """See `adapters.diffusers.loading.load`."""
        wan, spec = self._wans[checkpoint.spec.id], checkpoint.spec
        dtype = computing_dtype(placement)
        by_experts = device if placement.experts is Place.RESIDENT else torch.device("cpu")
        experts = [self.transformer(wan, dtype, by_experts) for _ in range(wan.structure.experts)]
        with init_empty_weights():
            vae = AutoencoderKLWan(**wan.vae)
        pipe = PlacedPipeline(
            tokenizer=self._tokenizer,
            text_encoder=None,
            vae=self._filled(f"{spec.id} vae", vae, torch.float32, torch.device("cpu")),
            scheduler=UniPCMultistepScheduler(
                prediction_type="flow_prediction",
                use_flow_sigmas=True,
                flow_shift=spec.defaults.flow_shift,
            ),
            transformer=experts[0],
            transformer_2=experts[1] if len(experts) > 1 else None,
            boundary_ratio=spec.boundary_ratio,
            expand_timesteps=spec.expands_timesteps,
        )
        return assemble(
            checkpoint,
            pipe,
            placement,
            device,
            weights="random",
            read_text_encoder=lambda: self._text_encoder(wan, dtype),
            cache=cache,
        )

    def transformer(self, wan: RandomWan, dtype: torch.dtype, device: torch.device) -> Any:
        """One expert, all of it on `device`."""
        it = wan.structure.transformer
        with init_empty_weights():
            expert = WanTransformer3DModel(
                num_layers=it.layers,
                num_attention_heads=it.heads,
                attention_head_dim=it.head_width,
                ffn_dim=it.ffn_width,
                in_channels=it.in_channels,
                out_channels=it.out_channels,
                text_dim=it.text_width,
                freq_dim=it.frequency_width,
            )
        return self._filled(wan.checkpoint.spec.id, expert, dtype, device)

    def _text_encoder(self, wan: RandomWan, dtype: torch.dtype) -> Any:
        it = wan.structure.text_encoder
        config = UMT5Config(
            d_model=it.width,
            d_kv=it.head_width,
            d_ff=it.ffn_width,
            num_layers=it.layers,
            num_heads=it.heads,
            vocab_size=it.vocabulary,
            relative_attention_num_buckets=it.buckets,
            feed_forward_proj="gated-gelu",
        )
        with init_empty_weights():
            encoder = UMT5EncoderModel(config)
        filled = self._filled(f"{wan.checkpoint.spec.id} text", encoder, dtype, torch.device("cpu"))
        filled.tie_weights()
        return filled

    def _filled(self, whose: str, module: Any, dtype: torch.dtype, device: torch.device) -> Any:
        """`module` with weights, ready to work; what diffusers keeps in float32 is in float32."""
        kept = set(getattr(module, "_keep_in_fp32_modules", None) or ())
        for name, parameter in list(module.named_parameters()):
            own = torch.float32 if kept & set(name.split(".")) else dtype
            value = self._weights((whose, name, own), tuple(parameter.shape), device)
            set_module_tensor_to_device(module, name, device, value=value, dtype=own)
        return module.to(device).eval().requires_grad_(False)

    def _weights(
        self, key: tuple[str, str, torch.dtype], shape: tuple[int, ...], device: torch.device
    ) -> torch.Tensor:
        if device.type != "cpu":
            return self._made(key, shape, device)
        if key not in self._at_home:
            self._at_home[key] = self._made(key, shape, device)
        return self._at_home[key]

    def _made(
        self, key: tuple[str, str, torch.dtype], shape: tuple[int, ...], device: torch.device
    ) -> torch.Tensor:
        """Norms leave as it is what they norm, biases are nothing; matrices keep the size of a vector."""
        _, name, dtype = key
        if name.endswith(("gamma", "norm.weight")) or (len(shape) == 1 and "weight" in name):
            return torch.ones(shape, dtype=dtype, device=device)
        if len(shape) == 1:
            return torch.zeros(shape, dtype=dtype, device=device)
        size, reach = prod(shape), prod(shape[1:])
        drawn = (self._drawn * reach**-0.5).to(device, dtype)
        made = torch.empty(size, dtype=dtype, device=device)
        whole = size // _DRAWN * _DRAWN
        made[:whole].view(-1, _DRAWN).copy_(drawn)
        made[whole:].copy_(drawn[: size - whole])
        return made.view(shape)
