"""Captions say what the scene shows, in words the tokenizer knows."""

import numpy as np

from training.captions import (
    UNKNOWN,
    plain_caption,
    sample_caption,
    sample_full_caption,
    sample_unconditional,
)
from training.latents import TEXT_SLOTS
from training.scenes import sample_training_scene
from training.tokenization import EOS_ID, PAD_ID, UNK_ID, build_tokenizer
from training.vocabulary import Combination, combinations, is_held_out


def test_the_plain_caption_is_the_readmes_sentence() -> None:
    asked = Combination("circle", "red", "blue", "right")

    assert plain_caption(asked) == "a red circle moving right on a blue background"


def test_every_word_of_a_caption_has_a_token() -> None:
    tokenizer, rng = build_tokenizer(), np.random.default_rng(0)
    captions = [sample_full_caption(sample_training_scene(rng), rng) for _ in range(500)]
    captions += [plain_caption(combination) for combination in combinations()[::50]]

    unknown = [c for c in captions if UNK_ID in tokenizer(c).input_ids]

    assert unknown == []


def test_captions_fit_the_text_slots_with_room_for_padding() -> None:
    tokenizer, rng = build_tokenizer(), np.random.default_rng(0)
    scenes = [sample_training_scene(rng) for _ in range(500)]

    longest = max(len(tokenizer(sample_caption(scene, rng)).input_ids) for scene in scenes)

    assert longest < TEXT_SLOTS


def test_capitals_and_commas_change_nothing() -> None:
    tokenizer = build_tokenizer()

    loud = tokenizer("A RED circle, moving right!").input_ids

    assert loud == tokenizer("a red circle moving right").input_ids


def test_the_special_tokens_are_where_umt5_expects_them() -> None:
    tokenizer = build_tokenizer()

    ids = tokenizer(["", "zebra"], padding="max_length", max_length=3).input_ids

    assert ids == [[EOS_ID, PAD_ID, PAD_ID], [UNK_ID, EOS_ID, PAD_ID]]
    assert tokenizer(UNKNOWN).input_ids[0] == UNK_ID


def test_saying_nothing_is_empty_or_only_unknown_words() -> None:
    rng = np.random.default_rng(0)

    words = {word for _ in range(50) for word in sample_unconditional(rng).split()}

    assert words == {UNKNOWN}


def test_training_never_draws_a_held_out_combination() -> None:
    rng = np.random.default_rng(0)

    drawn = {sample_training_scene(rng).combination for _ in range(2000)}

    assert not any(is_held_out(combination) for combination in drawn)


def test_about_one_combination_in_twelve_is_held_out() -> None:
    every = combinations()

    share = sum(map(is_held_out, every)) / len(every)

    assert 0.06 < share < 0.11
