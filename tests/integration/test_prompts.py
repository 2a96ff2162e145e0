"""Texts are embedded without their padding, where that gives the bits of the stock pipeline."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from diffusers import WanPipeline

import adapters.embedded
from adapters.diffusers.prompts import MAX_TOKENS, Prompts

pytestmark = pytest.mark.slow
TEXTS = ["a red circle moving right", "a blue star", "", "green " * 80, "a square " * 60]


@pytest.fixture(scope="module")
def pipe() -> WanPipeline:
    folder = Path(adapters.embedded.__path__[0]) / "mini"
    return WanPipeline.from_pretrained(folder, dtype=torch.float32)


class Encoder:
    """The pipeline's own; `given`: how many tokens, each time. `off` changes what few of them give."""

    def __init__(self, pipe: WanPipeline, off: float = 0.0) -> None:
        self.device, self.dtype = torch.device("cpu"), torch.float32
        self.given: list[int] = []
        self._encoder, self._off = pipe.text_encoder, off

    def __call__(self, ids: torch.Tensor, mask: torch.Tensor) -> Any:
        self.given.append(ids.shape[1])
        made = self._encoder(ids, mask).last_hidden_state
        return SimpleNamespace(last_hidden_state=made + (ids.shape[1] < MAX_TOKENS) * self._off)


def prompts(pipe: WanPipeline, encoder: Encoder) -> Prompts:
    parts = SimpleNamespace(
        tokenizer=pipe.tokenizer,
        text_encoder=encoder,
        transformer=pipe.transformer,
        device=pipe.device,
    )
    return Prompts(parts, load_encoder=lambda: None)


@torch.no_grad()
@pytest.mark.parametrize("off", [0.0, 1e-7])
def test_embeddings_are_those_of_the_stock_pipeline_to_the_bit(
    off: float, pipe: WanPipeline
) -> None:
    ours = prompts(pipe, Encoder(pipe, off))

    for text in [*TEXTS, *TEXTS]:
        stock, _ = pipe.encode_prompt(
            text, do_classifier_free_guidance=False, max_sequence_length=512
        )
        assert torch.equal(ours.embed(text, "prompt"), stock)


def test_what_was_tried_once_is_computed_without_padding(pipe: WanPipeline) -> None:
    encoder = Encoder(pipe)
    ours = prompts(pipe, encoder)

    for text in TEXTS[:3]:
        ours.embed(text, "prompt")

    assert encoder.given == [512, 64, 64, 64]


def test_what_gave_other_bits_is_computed_whole(pipe: WanPipeline) -> None:
    encoder = Encoder(pipe, off=1e-7)
    ours = prompts(pipe, encoder)

    for text in TEXTS[:3]:
        ours.embed(text, "prompt")

    assert encoder.given == [512, 64, 512, 512]
