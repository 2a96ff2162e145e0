"""How a draft becomes a request, and what is refused with which advice."""

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.checkpoint import CHECKPOINTS, WAN_NEGATIVE_PROMPT, CheckpointSpec, checkpoint_spec
from domain.errors import InvalidRequest, Violation
from domain.generation import (
    MAX_PROMPT_CHARACTERS,
    MAX_SEED,
    SCHEDULERS,
    GenerationDraft,
    check_request,
    nearest_sides,
)
from tests.fakes.examples import a_draft, content_with_words

MINI = checkpoint_spec("mini")
T2V = checkpoint_spec("t2v-A14B")
TI2V = checkpoint_spec("ti2v-5B")
#: Any whole number a JSON body can hold, most of them near what is valid.
WHOLE_NUMBERS = st.one_of(st.integers(-40, 2000), st.integers(-(2**63), 2**64 - 1))


def violations(spec: CheckpointSpec = MINI, **fields: Any) -> tuple[Violation, ...]:
    """What is said of a draft with these fields; nothing where it is fine."""
    try:
        GenerationDraft(**{"prompt": "a red circle", **fields}).complete(spec, drawn_seed=1)
    except InvalidRequest as refusal:
        return refusal.violations
    return ()


def test_silence_means_the_checkpoints_defaults() -> None:
    request = GenerationDraft(prompt="a cat").complete(T2V, drawn_seed=42)

    assert (request.width, request.height, request.num_frames, request.fps) == (1280, 720, 81, 16)
    assert (request.guidance_high_noise, request.guidance_low_noise) == (4.0, 3.0)
    assert (request.steps, request.flow_shift, request.scheduler) == (40, 12.0, "unipc")
    assert (request.negative_prompt, request.seed) == (WAN_NEGATIVE_PROMPT, 42)


def test_what_is_said_is_kept() -> None:
    said = {
        "negative_prompt": "blurred",
        "width": 64,
        "height": 96,
        "num_frames": 9,
        "steps": 3,
        "guidance_high_noise": 2.0,
        "guidance_low_noise": 1.5,
        "flow_shift": 5.0,
        "scheduler": "unipc",
        "seed": 0,
    }

    request = a_draft(**said).complete(MINI, drawn_seed=42)

    assert {name: getattr(request, name) for name in said} == said


def test_an_empty_negative_prompt_is_not_silence() -> None:
    assert a_draft(negative_prompt="").complete(T2V, drawn_seed=1).negative_prompt == ""


def test_a_prompt_is_composed_and_trimmed() -> None:
    assert a_draft(prompt="  cafe\u0301\n").complete(MINI, drawn_seed=1).prompt == "caf\u00e9"


def test_one_network_has_one_guidance() -> None:
    request = a_draft(guidance_high_noise=7.0).complete(TI2V, drawn_seed=1)

    assert request.guidance_low_noise == 7.0
    assert violations(TI2V, guidance_low_noise=2.0) == (
        Violation(
            pointer="/guidance_low_noise",
            reason="ti2v-5B has one network, so both guidances must be equal",
            nearest=(5.0,),
        ),
    )


@pytest.mark.parametrize("spec", CHECKPOINTS, ids=lambda spec: spec.id)
def test_every_checkpoints_defaults_are_valid_for_it(spec: CheckpointSpec) -> None:
    draft = GenerationDraft(prompt="a cat")
    request = draft.complete(content_with_words(spec), drawn_seed=1)

    assert check_request(request, spec) == []


@pytest.mark.parametrize("spec", CHECKPOINTS, ids=lambda spec: spec.id)
def test_every_native_size_is_valid(spec: CheckpointSpec) -> None:
    spec = content_with_words(spec)

    assert [violations(spec, width=w, height=h) for w, h in spec.native_sizes] == [
        () for _ in spec.native_sizes
    ]


@pytest.mark.parametrize(
    ("prompt", "reason"),
    [
        ("", "must say what to show"),
        (" \n ", "must say what to show"),
        ("a" * (MAX_PROMPT_CHARACTERS + 1), "4001 characters"),
        ("a\x00b", "control characters"),
        ("a\ud800b", "control characters"),
    ],
)
def test_a_prompt_that_cannot_be_read_is_refused(prompt: str, reason: str) -> None:
    [violation] = violations(prompt=prompt)

    assert violation.pointer == "/prompt"
    assert reason in violation.reason


def test_a_prompt_may_have_several_lines_in_any_script() -> None:
    assert violations(prompt="红色圆圈\n\t向右移动 🔴") == ()


@pytest.mark.parametrize(
    ("field", "value", "nearest"),
    [
        ("num_frames", 18, (17, 21)),
        ("num_frames", 0, (1,)),
        ("num_frames", 1000, (33,)),
        ("width", 100, (96, 112)),
        ("width", 1, (16,)),
        ("height", -16, (16,)),
        ("width", 1000, ("128x128",)),
        ("steps", 0, (1,)),
        ("steps", 101, (100,)),
        ("guidance_high_noise", 0.5, (1.0,)),
        ("guidance_low_noise", math.inf, (30.0,)),
        ("guidance_low_noise", -math.inf, (1.0,)),
        ("flow_shift", math.nan, (0.1,)),
        ("seed", -1, (0,)),
        ("seed", 10**400, (MAX_SEED,)),
        ("scheduler", "heun", SCHEDULERS),
    ],
)
def test_a_bad_value_is_refused_with_the_nearest_good_one(
    field: str, value: Any, nearest: tuple[Any, ...]
) -> None:
    [violation] = violations(**{field: value})

    assert (violation.pointer, violation.nearest) == (f"/{field}", nearest)


def test_every_violation_is_told_at_once() -> None:
    pointers = [found.pointer for found in violations(prompt="", width=3, height=3, steps=0)]

    assert pointers == ["/prompt", "/width", "/height", "/steps"]


def test_a_size_beyond_the_checkpoint_is_refused_with_its_own_sizes() -> None:
    [violation] = violations(width=512, height=512)

    assert violation.nearest == ("128x128",)


@pytest.mark.parametrize(
    ("sides", "pointer"), [({"width": 16}, "/height"), ({"height": 16}, "/width")]
)
def test_a_ribbon_is_refused_with_the_longest_side_that_fits(
    sides: dict[str, int], pointer: str
) -> None:
    [violation] = violations(T2V, **{"width": 1280, "height": 1280, **sides})

    assert (violation.pointer, violation.nearest) == (pointer, (128,))


def test_a_side_beside_an_impossible_one_has_no_good_length() -> None:
    assert nearest_sides(100, beside=10**9, spec=MINI) == ()


@given(spec=st.sampled_from(CHECKPOINTS), num_frames=WHOLE_NUMBERS)
def test_any_frame_count_passes_or_is_refused_with_ones_that_pass(
    spec: CheckpointSpec, num_frames: int
) -> None:
    spec = content_with_words(spec)

    found = violations(spec, num_frames=num_frames)

    assert all(violation.nearest for violation in found)
    for violation in found:
        assert [violations(spec, num_frames=near) for near in violation.nearest] == [
            () for _ in violation.nearest
        ]


@given(
    spec=st.sampled_from(CHECKPOINTS),
    side=st.sampled_from(["width", "height"]),
    value=WHOLE_NUMBERS,
)
def test_any_side_passes_or_is_refused_with_ones_that_pass(
    spec: CheckpointSpec, side: str, value: int
) -> None:
    spec = content_with_words(spec)

    found = violations(spec, **{side: value})

    assert all(violation.nearest for violation in found)
    for violation in found:
        # Where one side makes the other too long, it is the longer one that is refused.
        refused = violation.pointer.lstrip("/")
        for near in violation.nearest:
            assert violations(spec, **{side: value, **_sides(refused, near)}) == ()


@given(spec=st.sampled_from(CHECKPOINTS), width=WHOLE_NUMBERS, height=WHOLE_NUMBERS)
def test_any_size_is_judged_without_failing(spec: CheckpointSpec, width: int, height: int) -> None:
    spec = content_with_words(spec)

    found = violations(spec, width=width, height=height)

    multiple = spec.geometry.side_multiple
    on_grid = width > 0 and height > 0 and width % multiple == 0 and height % multiple == 0
    assert found or (on_grid and width * height <= spec.max_pixels)
    # Whoever takes the advice, is let in at last.
    sides: dict[str, Any] = {"width": width, "height": height}
    for _ in range(3):
        for violation in violations(spec, **sides):
            sides |= _sides(violation.pointer.lstrip("/"), violation.nearest[0])
    assert violations(spec, **sides) == ()


def _sides(side: str, near: int | float | str) -> dict[str, Any]:
    """A good length of that side, or a good size of both, as advice gives it."""
    if isinstance(near, str):
        width, height = near.split("x")
        return {"width": int(width), "height": int(height)}
    return {side: near}
