"""Which checkpoint a transformer can belong to."""

import pytest

from domain.found_weights import Branch, TransformerForm, checkpoint_of, refuse_mismatch
from domain.store_errors import WeightsUnrecognised


def form(
    channels: int, *branches: Branch, dim: int = 5120, out_channels: int = 16
) -> TransformerForm:
    return TransformerForm(
        in_channels=channels,
        out_channels=out_channels,
        dim=dim,
        blocks=40,
        branches=frozenset(branches),
    )


@pytest.mark.parametrize(
    ("found", "experts", "checkpoint"),
    [
        (form(16), 2, "t2v-A14B"),
        (form(36), 2, "i2v-A14B"),
        (form(48, dim=3072, out_channels=48), 1, "ti2v-5B"),
        (form(16, dim=1536), 1, "t2v-1.3B"),
    ],
)
def test_channels_and_experts_tell_the_checkpoint(
    found: TransformerForm, experts: int, checkpoint: str
) -> None:
    assert checkpoint_of(found, experts=experts) == checkpoint


@pytest.mark.parametrize(
    ("found", "experts", "words"),
    [
        (form(16), 1, "half of t2v-A14B: name the files of both of its experts. It may as well be"),
        (form(36), 1, "half of i2v-A14B: name the files of both"),
        (form(48, dim=3072, out_channels=48), 2, "2 transformers of 40 blocks of 3072"),
        (form(36, Branch.IMAGE), 1, "36 channels in, 16 out and a CLIP image branch"),
        (form(20), 1, "No checkpoint of Wan2.2 has a transformer of 40 blocks of 5120"),
    ],
)
def test_what_is_no_checkpoint_is_told_by_what_it_is(
    found: TransformerForm, experts: int, words: str
) -> None:
    with pytest.raises(WeightsUnrecognised, match=words):
        checkpoint_of(found, experts=experts)


def test_a_mismatch_says_what_it_is_instead() -> None:
    refuse_mismatch("i2v-A14B", form(36), experts=2, what="/weights")

    with pytest.raises(WeightsUnrecognised, match="/weights is not t2v-A14B but i2v-A14B: 2 tr"):
        refuse_mismatch("t2v-A14B", form(36), experts=2, what="/weights")
