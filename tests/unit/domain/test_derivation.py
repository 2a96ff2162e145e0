"""What a generation takes over from the one that it is made from."""

from dataclasses import replace

from domain.derivation import edited, extended, remixed
from domain.generation import GenerationDraft
from domain.lora import LoraUse
from tests.fakes.examples import a_request

SOURCE = replace(
    a_request(prompt="a red circle", steps=9, seed=7, guidance_high_noise=3.0),
    image="img_first",
    image_fit="crop",
    video="vid_before",
    strength=0.5,
    references=("img_who",),
)
SAID = GenerationDraft(prompt="a blue square")


def test_a_remix_is_all_but_the_words() -> None:
    assert remixed(SOURCE, SAID) == replace(GenerationDraft.of(SOURCE), prompt="a blue square")


def test_what_is_said_wins() -> None:
    remix = remixed(SOURCE, replace(SAID, seed=8, steps=3))

    assert (remix.seed, remix.steps, remix.image) == (8, 3, "img_first")


def test_another_checkpoint_has_defaults_of_its_own() -> None:
    remix = remixed(SOURCE, replace(SAID, checkpoint="ti2v-5B"))

    assert (remix.checkpoint, remix.steps, remix.guidance_high_noise) == ("ti2v-5B", None, None)
    assert (remix.width, remix.height, remix.seed, remix.image) == (
        SOURCE.width,
        SOURCE.height,
        7,
        "img_first",
    )


def test_a_preset_stands_for_what_it_would_of_any_other() -> None:
    remix = remixed(SOURCE, replace(SAID, preset="draft", flow_shift=2.0))

    assert (remix.preset, remix.steps, remix.guidance_high_noise) == ("draft", None, None)
    assert (remix.flow_shift, remix.seed, remix.negative_prompt) == (2.0, 7, SOURCE.negative_prompt)


def test_a_preset_takes_the_lora_of_another_off_and_leaves_ones_own_on() -> None:
    own, presets = (
        LoraUse(name=name, strength_high_noise=1, strength_low_noise=1, sha256=())
        for name in ("my grain", "wan2.2_t2v_lightx2v_4steps_lora")
    )
    distilled = replace(SOURCE, loras=(own, presets))

    exact = remixed(distilled, replace(SAID, preset="exact"))
    same = remixed(distilled, SAID)

    assert [use.name for use in exact.loras or ()] == ["my grain"]
    assert [use.name for use in same.loras or ()] == [own.name, presets.name]


def test_an_edit_is_of_the_video_and_of_nothing_that_that_was_made_of() -> None:
    edit = edited(SOURCE, replace(SAID, strength=0.9), clip_id="vid_now")

    assert (edit.video, edit.strength, edit.seed, edit.steps) == ("vid_now", 0.9, 7, 9)
    assert (edit.image, edit.image_fit, edit.references) == (None, None, None)


def test_an_extension_begins_with_a_picture_and_has_noise_of_its_own() -> None:
    extension = extended(SOURCE, replace(SAID, num_frames=5), image_id="img_last")

    assert (extension.image, extension.num_frames, extension.steps) == ("img_last", 5, 9)
    assert (extension.seed, extension.video, extension.strength) == (None, None, None)
