"""What is said of the pictures and videos that a draft names."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.checkpoint import CHECKPOINTS, CheckpointSpec, checkpoint_spec
from domain.clip import InputClip
from domain.errors import InvalidRequest, Violation
from domain.generation import GenerationDraft
from domain.hardware import Capacity
from domain.image import IMAGE_FITS, InputImage
from domain.inputs import NOTHING_GIVEN, Given
from domain.memory_plan import plan_memory
from tests.fakes.checkpoint_catalog import FakeCheckpointCatalog
from tests.fakes.examples import a_draft, content_with_words

MINI = checkpoint_spec("mini")
I2V = checkpoint_spec("i2v-A14B")
TI2V_MINI = checkpoint_spec("mini-ti2v")
VACE = checkpoint_spec("vace-14B")
ANIMATE = checkpoint_spec("animate-14B")
A_CLIP = InputClip(
    id="vid_0",
    width=128,
    height=128,
    times_us=tuple(range(0, 2_133_000, 66_667)),
    duration_us=2_133_333,
)


def violations(
    spec: CheckpointSpec, found: Given = NOTHING_GIVEN, **fields: Any
) -> tuple[Violation, ...]:
    """What is said of a draft with these fields, for which that was found."""
    try:
        a_draft(**fields).complete(spec, drawn_seed=1, given=found)
    except InvalidRequest as refusal:
        return refusal.violations
    return ()


def refused_images(
    spec: CheckpointSpec,
    *,
    first: tuple[int, int] | None,
    last: tuple[int, int] | None,
    **fields: Any,
) -> tuple[Violation, ...]:
    """What is said of a draft with images of these sizes."""
    image, last_image = (
        size and InputImage(id=f"img_{name}", width=size[0], height=size[1])
        for name, size in (("first", first), ("last", last))
    )
    return violations(spec, Given(image=image, last_image=last_image), **fields)


def test_a_checkpoint_that_animates_an_image_is_refused_without_one() -> None:
    [violation] = violations(I2V)

    assert (violation.pointer, violation.nearest) == ("/image", ())


@pytest.mark.parametrize("spec", [spec for spec in CHECKPOINTS if not spec.takes_last_image])
def test_a_last_image_is_refused_with_the_checkpoint_that_can(spec: CheckpointSpec) -> None:
    spec = content_with_words(spec)
    [violation] = refused_images(spec, first=(64, 64), last=(64, 64))

    assert (violation.pointer, violation.nearest) == ("/checkpoint", ("i2v-A14B",))
    assert f"{spec.id} cannot end with an image" in violation.reason


def test_a_last_image_needs_a_first() -> None:
    [violation] = refused_images(I2V, first=None, last=(1280, 720))

    assert (violation.pointer, violation.nearest) == ("/image", ())


def test_two_images_are_more_than_one_frame() -> None:
    [violation] = refused_images(I2V, first=(1280, 720), last=(1280, 720), num_frames=1)

    assert (violation.pointer, violation.nearest) == ("/num_frames", (5,))
    assert not refused_images(I2V, first=(1280, 720), last=(1280, 720), num_frames=5)


def test_a_last_image_of_another_shape_is_refused_where_it_was_named() -> None:
    [violation] = refused_images(I2V, first=(1280, 720), last=(720, 1280))

    assert (violation.pointer, violation.nearest) == ("/last_image", ())
    assert "the last image is 720x1280" in violation.reason


def test_both_images_are_named_where_neither_fits_with_a_size_that_fits_both() -> None:
    found = refused_images(I2V, first=(720, 1280), last=(1440, 2560))

    assert {v.pointer: v.nearest for v in found} == {
        "/image": ("720x1280",),
        "/last_image": ("720x1280",),
    }


@pytest.mark.parametrize("fit", IMAGE_FITS)
def test_images_of_any_shape_are_taken_where_somebody_says_how_to_fit_them(fit: str) -> None:
    shapes = {"first": (99, 500), "last": (4000, 300)}

    assert refused_images(I2V, **shapes, image_fit=fit) == ()
    assert [found.pointer for found in refused_images(I2V, **shapes)] == ["/image", "/last_image"]


def test_a_way_to_fit_images_that_nobody_knows_is_refused() -> None:
    [violation] = refused_images(I2V, first=(64, 64), last=None, image_fit="stretch")

    assert (violation.pointer, violation.nearest) == ("/image_fit", ("crop", "pad"))


def test_a_way_to_fit_images_is_refused_where_there_is_none() -> None:
    [violation] = violations(MINI, image_fit="crop")

    assert violation.pointer == "/image_fit"


def test_a_strength_without_a_video_is_refused() -> None:
    [violation] = violations(MINI, strength=0.5)

    assert violation.pointer == "/strength"


def test_a_video_and_an_image_are_one_too_many() -> None:
    image = InputImage(id="img_0", width=128, height=128)

    with pytest.raises(InvalidRequest) as refused:
        a_draft().complete(TI2V_MINI, drawn_seed=1, given=Given(image=image, video=A_CLIP))

    assert [found.pointer for found in refused.value.violations] == ["/image"]


@given(steps=st.integers(1, 100), strength=st.floats(0.0001, 1.5))
def test_any_strength_makes_a_step_or_is_told_one_that_does(steps: int, strength: float) -> None:
    draft = a_draft(steps=steps, strength=strength)

    try:
        request = draft.complete(MINI, drawn_seed=1, given=Given(video=A_CLIP))
    except InvalidRequest as refused:
        [nearest] = refused.violations[0].nearest
        better = replace(draft, strength=float(nearest))
        request = better.complete(MINI, drawn_seed=1, given=Given(video=A_CLIP))

    assert 1 <= request.denoising_steps <= steps


@pytest.mark.parametrize(
    "spec", [s for s in CHECKPOINTS if not s.takes_control and not s.animates_character]
)
@pytest.mark.parametrize(
    "given",
    [Given(control_video=A_CLIP), Given(references=(InputImage(id="img_0", width=9, height=9),))],
)
def test_a_control_is_refused_with_the_checkpoint_that_takes_one(
    spec: CheckpointSpec, given: Given
) -> None:
    with pytest.raises(InvalidRequest, match="takes no control video") as refused:
        a_draft().complete(content_with_words(spec), drawn_seed=1, given=given)

    [violation] = refused.value.violations
    assert (violation.pointer, violation.nearest) == ("/checkpoint", ("vace-14B",))


@pytest.mark.parametrize(
    ("given", "pointer", "words"),
    [
        (Given(control_mask=A_CLIP), "/control_mask", "give one"),
        (
            Given(references=(InputImage(id="img_0", width=9, height=9),) * 4),
            "/references",
            "4 are",
        ),
        (
            Given(control_video=A_CLIP, control_mask=replace(A_CLIP, duration_us=1_000_000)),
            "/num_frames",
            "the control mask has 16 frames at the 16 a second of vace-14B.*13",
        ),
        (
            Given(control_video=A_CLIP, control_mask=replace(A_CLIP, width=256)),
            "/control_mask",
            "the control mask is 256x128",
        ),
        (Given(video=A_CLIP), "/checkpoint", "vace-14B cannot make a given video anew"),
    ],
)
def test_a_control_that_does_not_suit_is_refused(given: Given, pointer: str, words: str) -> None:
    draft = a_draft(width=128, height=128, num_frames=17)

    with pytest.raises(InvalidRequest, match=words) as refused:
        draft.complete(VACE, drawn_seed=1, given=given)

    assert [found.pointer for found in refused.value.violations] == [pointer]


@pytest.mark.parametrize("spec", [spec for spec in CHECKPOINTS if not spec.animates_character])
def test_a_face_is_refused_with_the_checkpoint_that_wants_one(spec: CheckpointSpec) -> None:
    found = violations(content_with_words(spec), Given(face_video=A_CLIP))

    assert [(v.pointer, v.nearest) for v in found] == [("/checkpoint", ("animate-14B",))]


A_PERFORMANCE = Given(
    control_video=A_CLIP,
    face_video=A_CLIP,
    references=(InputImage(id="img_0", width=9, height=900),),
)


@pytest.mark.parametrize(
    ("changes", "pointers"),
    [
        ({}, []),
        ({"control_video": None, "face_video": None}, ["/control_video", "/face_video"]),
        ({"references": ()}, ["/references"]),
        ({"references": A_PERFORMANCE.references * 2}, ["/references"]),
        ({"control_mask": A_CLIP}, ["/control_mask"]),
        ({"face_video": replace(A_CLIP, width=64)}, ["/face_video"]),
        ({"control_video": replace(A_CLIP, width=64)}, ["/control_video"]),
        ({"face_video": replace(A_CLIP, duration_us=500_000)}, ["/num_frames"]),
        ({"image": InputImage(id="img_0", width=128, height=128)}, ["/checkpoint"]),
    ],
)
def test_a_character_is_animated_by_a_whole_performance(
    changes: dict[str, Any], pointers: list[str]
) -> None:
    found = violations(
        ANIMATE, replace(A_PERFORMANCE, **changes), width=128, height=128, num_frames=17
    )

    assert [violation.pointer for violation in found] == pointers


def test_one_frame_does_not_move() -> None:
    [violation] = violations(ANIMATE, A_PERFORMANCE, width=128, height=128, num_frames=1)

    assert (violation.pointer, violation.nearest) == ("/num_frames", (5,))


def test_references_of_any_shape_are_taken_and_count_as_frames() -> None:
    references = (InputImage(id="img_0", width=9, height=900),) * 2
    draft = a_draft(width=128, height=128, num_frames=17)

    request = draft.complete(VACE, drawn_seed=1, given=Given(references=references))

    local = FakeCheckpointCatalog().find("vace-14B")
    capacity = Capacity(accelerator_bytes=None, host_bytes=2**40)
    plan = plan_memory(request, VACE, local, capacity)
    assert plan.latent_shape == (16, 2 + 5, 16, 16)


def test_a_video_is_taken_at_the_checkpoints_rate() -> None:
    # 32 of its frames last as long as 17 of ours
    draft = a_draft(num_frames=17)

    assert draft.complete(
        MINI, drawn_seed=1, given=Given(video=replace(A_CLIP, duration_us=2_125_000))
    )
    with pytest.raises(InvalidRequest, match=r"has 16 frames at the 8 a second of mini.*13"):
        draft.complete(
            MINI, drawn_seed=1, given=Given(video=replace(A_CLIP, duration_us=2_000_000))
        )


@given(
    spec=st.sampled_from([spec for spec in CHECKPOINTS if spec.takes_image]),
    width=st.integers(1, 12_000),
    height=st.integers(1, 12_000),
)
def test_any_image_fits_or_is_told_a_size_that_does(
    spec: CheckpointSpec, width: int, height: int
) -> None:
    image = InputImage(id="img_0", width=width, height=height)
    draft = GenerationDraft(prompt="a cat", image=image.id)

    for size in _sizes_for(draft, image, spec):
        better = replace(draft, **_size(size))
        assert better.complete(spec, drawn_seed=1, given=Given(image=image)).image == image.id


def _sizes_for(draft: GenerationDraft, image: InputImage, spec: CheckpointSpec) -> tuple[Any, ...]:
    """What is advised where the draft's size would stretch the image."""
    try:
        draft.complete(spec, drawn_seed=1, given=Given(image=image))
    except InvalidRequest as refused:
        return refused.violations[0].nearest
    return ()


def _size(text: str) -> dict[str, int]:
    width, height = text.split("x")
    return {"width": int(width), "height": int(height)}
