"""LoRAs on random structures: the arithmetic, every writer's names, and no trace after them."""

import copy
import json
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
import torch
from diffusers import WanPipeline
from safetensors.torch import save_file

from adapters.diffusers.loras import LoraStack
from adapters.filesystem.lora_catalog import FilesystemLoraCatalog
from domain.lora import LoraDoesNotFit, LoraUse
from tests.integration.runs import our_latents
from tests.integration.test_denoising import wanted
from tests.integration.tiny_wans import A14B, T2V_1B, a_pipe

pytestmark = pytest.mark.slow
#: Official name -> diffusers' name, of layers of every kind.
LAYERS = {
    "blocks.0.self_attn.q": "blocks.0.attn1.to_q",
    "blocks.1.self_attn.o": "blocks.1.attn1.to_out.0",
    "blocks.0.cross_attn.k": "blocks.0.attn2.to_k",
    "blocks.1.ffn.0": "blocks.1.ffn.net.0.proj",
    "blocks.1.ffn.2": "blocks.1.ffn.net.2",
    "text_embedding.0": "condition_embedder.text_embedder.linear_1",
    "time_projection.1": "condition_embedder.time_proj",
    "head.head": "proj_out",
}
RANK = 3
Tensors = dict[str, torch.Tensor]


def matrices(seed: int = 0) -> Mapping[str, tuple[torch.Tensor, torch.Tensor]]:
    """(A, B) of every layer, by its official name: large enough to show."""
    layers = dict(a_pipe(A14B).transformer.named_modules())
    generator = torch.Generator().manual_seed(seed)
    return {
        official: (
            torch.randn(RANK, layers[theirs].in_features, generator=generator) / 4,
            torch.randn(layers[theirs].out_features, RANK, generator=generator) / 4,
        )
        for official, theirs in LAYERS.items()
    }


def as_comfy(alpha: float | None, seed: int = 0) -> Tensors:
    tensors: Tensors = {}
    for name, (down, up) in matrices(seed).items():
        tensors[f"diffusion_model.{name}.lora_down.weight"] = down
        tensors[f"diffusion_model.{name}.lora_up.weight"] = up
        if alpha is not None:
            tensors[f"diffusion_model.{name}.alpha"] = torch.tensor(alpha)
    return tensors


def as_kohya(alpha: float | None) -> Tensors:
    comfy = as_comfy(alpha)
    split = ((name.removeprefix("diffusion_model."), tensor) for name, tensor in comfy.items())
    return {
        "lora_unet_" + layer.replace(".", "_") + dot + rest: tensor
        for (name, tensor) in split
        for layer, dot, rest in [_cut(name)]
    }


def _cut(name: str) -> tuple[str, str, str]:
    for mark in (".lora_down.weight", ".lora_up.weight", ".alpha"):
        if name.endswith(mark):
            return name.removesuffix(mark), ".", mark[1:]
    raise AssertionError(name)


def as_official(_alpha: float | None) -> Tensors:
    """A/B without alpha: its rank is meant."""
    return {
        name.replace("lora_down", "lora_A").replace("lora_up", "lora_B"): tensor
        for name, tensor in as_comfy(None).items()
    }


def as_diffusers(_alpha: float | None, transformer: str = "transformer", seed: int = 0) -> Tensors:
    tensors: Tensors = {}
    for official, (down, up) in matrices(seed).items():
        tensors[f"{transformer}.{LAYERS[official]}.lora_A.weight"] = down
        tensors[f"{transformer}.{LAYERS[official]}.lora_B.weight"] = up
    return tensors


def merged(pipe: WanPipeline, factors: Mapping[str, float], seed: int = 0) -> WanPipeline:
    """The arithmetic: W + factor · B·A, in float64, for each transformer that is named."""
    pipe = copy.deepcopy(pipe)
    for name, factor in factors.items():
        layers = dict(getattr(pipe, name).named_modules())
        for official, (down, up) in matrices(seed).items():
            weight = layers[LAYERS[official]].weight
            weight.data = (weight.double() + factor * (up.double() @ down.double())).float()
    return pipe


class Folder:
    """A folder of LoRAs, and what a request says of them."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._catalog = FilesystemLoraCatalog(path)

    def put(self, name: str, tensors: Tensors, metadata: Mapping[str, str] | None = None) -> None:
        contiguous = {key: tensor.contiguous() for key, tensor in tensors.items()}
        save_file(contiguous, self.path / f"{name}.safetensors", metadata=dict(metadata or {}))

    def wear(self, stack: LoraStack, name: str, high: float = 1.0, low: float | None = None) -> str:
        lora = self._catalog.find(name)
        use = LoraUse(
            name=name,
            strength_high_noise=high,
            strength_low_noise=high if low is None else low,
            sha256=tuple(self._catalog.hashes(lora)),
        )
        (told,) = stack.wear([use], [lora])
        return told


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


@pytest.fixture
def pipe() -> WanPipeline:
    return copy.deepcopy(a_pipe(A14B))


@pytest.fixture
def stack(pipe: WanPipeline) -> LoraStack:
    return LoraStack(pipe)


def latents(pipe: WanPipeline) -> torch.Tensor:
    return our_latents(pipe, wanted(steps=4))


def close(ours: torch.Tensor, theirs: torch.Tensor) -> None:
    torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-5)


BOTH = ("transformer", "transformer_2")


@pytest.mark.parametrize(
    ("strength", "alpha"), [(1.0, None), (1.0, 6.0), (0.5, 1.0), (-0.7, 3.0), (2.0, 0.75)]
)
def test_it_changes_a_weight_by_strength_x_alpha_over_rank_x_b_a(
    strength: float, alpha: float | None, pipe: WanPipeline, stack: LoraStack, folder: Folder
) -> None:
    folder.put("turn", as_comfy(alpha))
    plain = latents(pipe)

    folder.wear(stack, "turn", strength)

    factor = strength * (RANK if alpha is None else alpha) / RANK
    close(latents(pipe), latents(merged(a_pipe(A14B), dict.fromkeys(BOTH, factor))))
    assert not torch.allclose(latents(pipe), plain, rtol=1e-2, atol=1e-2)


@pytest.mark.parametrize("write", [as_official, as_diffusers, as_kohya])
def test_whoever_wrote_it_it_is_the_same_lora(
    write: Callable[[float | None], Tensors], pipe: WanPipeline, stack: LoraStack, folder: Folder
) -> None:
    folder.put("theirs", write(float(RANK)))
    folder.put("comfy", as_comfy(float(RANK)))

    told = folder.wear(stack, "theirs")
    theirs = latents(pipe)
    folder.wear(stack, "comfy")

    assert torch.equal(theirs, latents(pipe))
    assert told == f"LoRA theirs: {len(write(float(RANK)))} tensors matched."


def test_the_alpha_that_diffusers_writes_beside_the_tensors_counts(
    pipe: WanPipeline, stack: LoraStack, folder: Folder
) -> None:
    config = {"transformer.r": RANK, "transformer.lora_alpha": 2 * RANK}
    told = {"lora_adapter_metadata": json.dumps(config)}
    folder.put("turn", as_diffusers(None), told)

    folder.wear(stack, "turn")

    close(latents(pipe), latents(merged(a_pipe(A14B), dict.fromkeys(BOTH, 2.0))))


def test_a_pair_changes_each_expert_by_its_own_file(
    pipe: WanPipeline, stack: LoraStack, folder: Folder
) -> None:
    folder.put("turn_high_noise", as_comfy(3.0, seed=1))
    folder.put("turn_low_noise", as_comfy(6.0, seed=2))

    folder.wear(stack, "turn", high=0.5, low=0.25)

    expected = merged(a_pipe(A14B), {"transformer": 0.5}, seed=1)
    close(latents(pipe), latents(merged(expected, {"transformer_2": 0.5}, seed=2)))


def test_a_file_that_names_both_transformers_changes_each_by_its_own_tensors(
    pipe: WanPipeline, stack: LoraStack, folder: Folder
) -> None:
    both = as_diffusers(None, seed=1) | as_diffusers(None, "transformer_2", seed=2)
    folder.put("turn", both)

    told = folder.wear(stack, "turn")

    expected = merged(a_pipe(A14B), {"transformer": 1.0}, seed=1)
    close(latents(pipe), latents(merged(expected, {"transformer_2": 1.0}, seed=2)))
    assert f"{len(both)} tensors matched." in told


def test_a_strength_of_nothing_leaves_that_expert_as_it_is(
    pipe: WanPipeline, stack: LoraStack, folder: Folder
) -> None:
    folder.put("turn", as_comfy(None))

    folder.wear(stack, "turn", high=1.0, low=0.0)

    close(latents(pipe), latents(merged(a_pipe(A14B), {"transformer": 1.0})))


def test_several_add_up(pipe: WanPipeline, stack: LoraStack, folder: Folder) -> None:
    folder.put("one", as_comfy(None, seed=1))
    folder.put("other", as_comfy(None, seed=2))
    catalog = FilesystemLoraCatalog(folder.path)
    loras = [catalog.find(name) for name in ("one", "other")]
    uses = [
        LoraUse(name=lora.name, strength_high_noise=s, strength_low_noise=s, sha256=(lora.name,))
        for lora, s in zip(loras, (1.0, 0.5), strict=True)
    ]

    told = stack.wear(uses, loras)

    expected = merged(
        merged(a_pipe(A14B), dict.fromkeys(BOTH, 1.0), 1), dict.fromkeys(BOTH, 0.5), 2
    )
    close(latents(pipe), latents(expected))
    assert len(told) == 2


def test_a_bias_is_added_times_the_strength(
    pipe: WanPipeline, stack: LoraStack, folder: Folder
) -> None:
    layer, bias = "blocks.0.attn1.to_q", torch.linspace(-1, 1, 24)
    tensors = as_comfy(None) | {"diffusion_model.blocks.0.self_attn.q.diff_b": bias}
    folder.put("turn", tensors)

    folder.wear(stack, "turn", 0.5)

    expected = merged(a_pipe(A14B), dict.fromkeys(BOTH, 0.5))
    for name in BOTH:
        dict(getattr(expected, name).named_modules())[layer].bias.data += 0.5 * bias
    close(latents(pipe), latents(expected))


def test_taking_it_off_and_changing_it_loads_nothing_and_leaves_no_trace(
    pipe: WanPipeline, stack: LoraStack, folder: Folder
) -> None:
    folder.put("one", as_comfy(None, seed=1))
    folder.put("other", as_comfy(None, seed=2))
    plain = latents(pipe)
    weights = [part.data_ptr() for name in BOTH for part in getattr(pipe, name).parameters()]
    names = list(pipe.transformer.state_dict())

    folder.wear(stack, "one")
    one = latents(pipe)
    folder.wear(stack, "other")
    other = latents(pipe)
    folder.wear(stack, "one")
    one_again = latents(pipe)
    stack.wear([], [])

    assert torch.equal(latents(pipe), plain)
    assert torch.equal(one, one_again)
    assert not torch.equal(one, other)
    assert weights == [
        part.data_ptr() for name in BOTH for part in getattr(pipe, name).parameters()
    ]
    assert list(pipe.transformer.state_dict()) == names


def test_tensors_that_fit_nothing_are_counted_and_told(
    pipe: WanPipeline, stack: LoraStack, folder: Folder
) -> None:
    # diffusers only logs them; a file with none that fits was "loaded", and changed nothing.
    strange = {
        "diffusion_model.blocks.0.self_attn.norm_q.diff": torch.zeros(24),
        "diffusion_model.blocks.9.self_attn.q.lora_down.weight": torch.zeros(RANK, 24),
        "diffusion_model.blocks.9.self_attn.q.lora_up.weight": torch.zeros(24, RANK),
    }
    folder.put("turn", as_comfy(None) | strange)

    told = folder.wear(stack, "turn")

    assert told.startswith(f"LoRA turn: {len(as_comfy(None))} tensors matched, 3 are unknown")
    close(latents(pipe), latents(merged(a_pipe(A14B), dict.fromkeys(BOTH, 1.0))))


def test_one_that_matches_nothing_is_refused(
    pipe: WanPipeline, stack: LoraStack, folder: Folder
) -> None:
    down = {"diffusion_model.blocks.9.self_attn.q.lora_down.weight": torch.zeros(RANK, 24)}
    up = {"diffusion_model.blocks.9.self_attn.q.lora_up.weight": torch.zeros(24, RANK)}
    folder.put("turn", down | up)

    with pytest.raises(LoraDoesNotFit, match="None of the 2 tensors of turn"):
        folder.wear(stack, "turn")


def spoilt(name: str, tensor: torch.Tensor | None) -> Tensors:
    tensors = as_comfy(None)
    del tensors[name]
    return tensors if tensor is None else tensors | {name: tensor}


@pytest.mark.parametrize(
    ("tensors", "words"),
    [
        (spoilt("diffusion_model.blocks.1.ffn.0.lora_down.weight", torch.zeros(3, 32)), "another"),
        (spoilt("diffusion_model.blocks.1.ffn.0.lora_up.weight", torch.zeros(32, 4)), "another"),
        (spoilt("diffusion_model.blocks.1.ffn.0.lora_up.weight", None), "lacks the other"),
        (as_comfy(None) | {"blocks.0.ffn.2.diff_b": torch.zeros(3)}, "bias"),
    ],
)
def test_one_of_another_shape_is_refused_and_the_model_is_left_clean(
    tensors: Tensors, words: str, pipe: WanPipeline, stack: LoraStack, folder: Folder
) -> None:
    folder.put("good", as_comfy(None))
    folder.put("bad", tensors)
    plain = latents(pipe)
    folder.wear(stack, "good")

    with pytest.raises(LoraDoesNotFit, match=words) as refused:
        folder.wear(stack, "bad")

    assert "bad" in refused.value.message, "which of several"
    assert torch.equal(latents(pipe), plain)
    folder.wear(stack, "good")
    assert not torch.equal(latents(pipe), plain)


def test_one_network_has_it_on_once(folder: Folder) -> None:
    pipe = copy.deepcopy(a_pipe(T2V_1B))
    folder.put("turn", as_comfy(None))

    folder.wear(LoraStack(pipe), "turn", 0.5)

    close(latents(pipe), latents(merged(a_pipe(T2V_1B), {"transformer": 0.5})))
