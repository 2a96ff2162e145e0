"""Whatever wrote a LoRA file, its tensors are understood or told as unknown."""

import json

import pytest

from domain.errors import LoraUnusable
from domain.lora import Expert
from domain.lora_keys import Part, adapter_alpha, experts_of, keys_of_expert, parse_key


@pytest.mark.parametrize(
    ("key", "layer", "part"),
    [
        ("transformer.blocks.7.attn1.to_q.lora_A.weight", "blocks.7.attn1.to_q", Part.DOWN),
        ("blocks.7.attn2.to_out.0.lora_B.default.weight", "blocks.7.attn2.to_out.0", Part.UP),
        (
            "diffusion_model.blocks.39.self_attn.o.lora_down.weight",
            "blocks.39.attn1.to_out.0",
            Part.DOWN,
        ),
        (
            "diffusion_model.blocks.0.cross_attn.k_img.lora_up.weight",
            "blocks.0.attn2.add_k_proj",
            Part.UP,
        ),
        ("diffusion_model.blocks.1.ffn.0.alpha", "blocks.1.ffn.net.0.proj", Part.ALPHA),
        ("diffusion_model.blocks.1.ffn.2.diff_b", "blocks.1.ffn.net.2", Part.BIAS),
        ("diffusion_model.head.head.lora_down.weight", "proj_out", Part.DOWN),
        (
            "diffusion_model.time_projection.1.lora_A.weight",
            "condition_embedder.time_proj",
            Part.DOWN,
        ),
        ("lora_unet_blocks_12_cross_attn_v_img.alpha", "blocks.12.attn2.add_v_proj", Part.ALPHA),
        ("lora_unet_blocks_12_ffn_2.lora_up.weight", "blocks.12.ffn.net.2", Part.UP),
        (
            "lora_unet_text_embedding_2.lora_down.weight",
            "condition_embedder.text_embedder.linear_2",
            Part.DOWN,
        ),
        (
            "diffusion_model.vace_blocks.3.self_attn.k.lora_A.weight",
            "vace_blocks.3.attn1.to_k",
            Part.DOWN,
        ),
        (
            "base_model.model.blocks.0.self_attn.v.lora_B.weight",
            "blocks.0.attn1.to_v",
            Part.UP,
        ),
    ],
)
def test_every_writers_names_are_understood(key: str, layer: str, part: Part) -> None:
    found = parse_key(key)

    assert found is not None
    assert (found.layer, found.part) == (layer, part)


@pytest.mark.parametrize(
    "key",
    [
        "diffusion_model.blocks.0.self_attn.norm_q.diff",
        "diffusion_model.blocks.0.self_attn.x.lora_A.weight",
        "blocks.zero.attn1.to_q.lora_A.weight",
        "transformer.single_transformer_blocks.0.attn.to_q.lora_A.weight",
        "lora_te1_text_model_encoder_layers_0_mlp_fc1.alpha",
        "blocks.0.self_attn.q.weight",
        "self_attn.q.lora_A.weight",
        "",
    ],
)
def test_other_names_are_unknown(key: str) -> None:
    assert parse_key(key) is None


def test_diffusers_files_name_the_expert_themselves() -> None:
    first = parse_key("transformer.blocks.0.attn1.to_q.lora_A.weight")
    second = parse_key("transformer_2.blocks.0.attn1.to_q.lora_A.weight")
    assert first is not None
    assert second is not None
    keys = {"first": first, "second": second}

    assert experts_of(keys, told=None) == (Expert.HIGH_NOISE, Expert.LOW_NOISE)
    assert experts_of({"second": second}, told=Expert.HIGH_NOISE) == (Expert.LOW_NOISE,)
    assert list(keys_of_expert(keys, Expert.LOW_NOISE)) == ["second"]


def test_a_file_that_names_one_transformer_alone_is_for_whomever_its_name_says() -> None:
    key = parse_key("transformer.blocks.0.attn1.to_q.lora_A.weight")
    assert key is not None
    keys = {"only": key}

    assert experts_of(keys, told=None) == tuple(Expert)
    assert experts_of(keys, told=Expert.LOW_NOISE) == (Expert.LOW_NOISE,)
    assert keys_of_expert(keys, Expert.LOW_NOISE) == keys


def beside(**config: object) -> dict[str, str]:
    return {"lora_adapter_metadata": json.dumps({f"transformer.{k}": v for k, v in config.items()})}


def test_the_alpha_that_diffusers_wrote_beside_the_tensors_counts() -> None:
    # Read without it, a LoRA of rank 4 and alpha 8 worked at half its strength.
    second = parse_key("transformer_2.blocks.0.attn1.to_q.lora_A.weight")
    assert second is not None
    told = beside(r=4, lora_alpha=8)

    assert [adapter_alpha(told, {}, expert) for expert in Expert] == [8.0, 8.0]
    assert [adapter_alpha(told, {"x": second}, expert) for expert in Expert] == [8.0, None]
    assert adapter_alpha({}, {}, Expert.HIGH_NOISE) is None


@pytest.mark.parametrize(
    "config", [{"use_dora": True}, {"use_rslora": True}, {"alpha_pattern": {"x": 2}}]
)
def test_a_kind_with_another_arithmetic_is_refused(config: dict[str, object]) -> None:
    with pytest.raises(LoraUnusable, match=next(iter(config))):
        adapter_alpha(beside(lora_alpha=8, **config), {}, Expert.HIGH_NOISE)


@pytest.mark.parametrize("text", ["{", "[]", '{"transformer.lora_alpha": "much"}'])
def test_metadata_that_makes_no_sense_is_refused(text: str) -> None:
    with pytest.raises(LoraUnusable, match="JSON"):
        adapter_alpha({"lora_adapter_metadata": text}, {}, Expert.HIGH_NOISE)
