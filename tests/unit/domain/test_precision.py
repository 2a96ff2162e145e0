"""fp8 where it is asked for: the request, the plan, and what is refused."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from domain.checkpoint import checkpoint_spec
from domain.demand import GIB
from domain.errors import InvalidRequest, RenderFailed, Violation, error_for
from domain.generation import GenerationDraft
from domain.hardware import Capacity
from domain.known_structures import STRUCTURES
from domain.local_checkpoint import LocalCheckpoint
from domain.memory_plan import MemoryPlan, plan_memory
from domain.placement import Place
from domain.quantised_weights import QuantisedWeights, Share
from domain.recipe import Recipe
from domain.shortcuts import PrecisionUnusable
from domain.structure import Precision
from tests.fakes.examples import a_draft, a_request

A14B = checkpoint_spec("t2v-A14B")
EXPERTS = STRUCTURES["t2v-A14B"].expert_bytes(Precision.FP8)


def plan(
    *,
    card: float | None,
    host: float = 128,
    compute_capability: tuple[int, int] | None = None,
    local: LocalCheckpoint | None = None,
    **asked: Any,
) -> MemoryPlan:
    capacity = Capacity(
        accelerator_bytes=None if card is None else int(card * GIB),
        host_bytes=int(host * GIB),
        compute_capability=compute_capability,
    )
    draft = a_draft(**{"precision": "fp8"} | asked)
    return plan_memory(draft.complete(A14B, drawn_seed=0), A14B, local, capacity)


def refusal(**asked: Any) -> Violation:
    with pytest.raises(InvalidRequest) as refused:
        plan(**asked)
    [violation] = refused.value.violations
    return violation


def test_the_preset_stands_for_the_field_and_any_other_name_is_refused() -> None:
    by_name = a_draft(seed=1, preset="fp8").complete(A14B, drawn_seed=0)

    assert by_name == a_draft(seed=1, precision="fp8").complete(A14B, drawn_seed=0)
    assert by_name == replace(a_draft(seed=1).complete(A14B, drawn_seed=0), precision="fp8")
    assert GenerationDraft.of(by_name).precision == "fp8"
    violation = refusal(card=80, precision="int8")
    assert (violation.pointer, violation.nearest) == ("/precision", ("fp8",))


@pytest.mark.parametrize("card", [8, 12, 16, 24, 32, 48, 80, 141])
def test_it_is_planned_where_it_is_asked_for_and_nowhere_else(card: float) -> None:
    asked, by_itself = (
        plan(card=card, num_frames=41),
        plan(card=card, num_frames=41, precision=None),
    )

    assert asked.placement is not None
    assert by_itself.placement is not None
    assert asked.placement.precision is Precision.FP8
    assert by_itself.placement.precision is not Precision.FP8


def test_half_the_bytes_let_both_experts_stay_where_one_would_have_to_go() -> None:
    small = {"card": 48, "width": 832, "height": 480}
    asked, by_itself = plan(**small), plan(**small, precision=None)

    assert asked.placement is not None
    assert by_itself.placement is not None
    assert (asked.placement.experts, by_itself.placement.experts) == (
        Place.RESIDENT,
        Place.VISITING,
    )
    assert asked.weight_bytes == by_itself.weight_bytes, "the files are the same"
    assert sum(EXPERTS) < 0.52 * sum(STRUCTURES["t2v-A14B"].expert_bytes(Precision.BF16))
    told = " ".join(asked.reasons)
    assert "Both experts (13.6 GiB each) stay" in told
    assert "kept and multiplied in fp8, as was asked for, which changes the picture" in told


def test_on_a_cpu_it_is_said_to_save_no_time() -> None:
    told, *_ = plan(card=None).reasons

    assert "in fp8" in told
    assert "changes the picture as it does on a GPU, and saves no time" in told


def test_a_card_that_cannot_is_refused_before_anything_is_queued() -> None:
    violation = refusal(card=80, compute_capability=(8, 6))

    assert violation.pointer == "/precision"
    assert violation.reason.endswith(
        "8.9 or more (Ada, Hopper and later), and the one that is here has 8.6"
    )
    assert plan(card=80, compute_capability=(8, 6), precision=None).placement is not None


@pytest.mark.parametrize("compute_capability", [(8, 9), (9, 0), (12, 0), None])
def test_a_card_that_can_or_that_is_not_known_is_taken(
    compute_capability: tuple[int, int] | None,
) -> None:
    assert plan(card=80, compute_capability=compute_capability).placement is not None


def test_what_a_gguf_file_quantised_is_not_quantised_again(gguf: LocalCheckpoint) -> None:
    violation = refusal(card=80, local=gguf)

    assert "of t2v-A14B stay as its GGUF files have them" in violation.reason


@pytest.fixture
def gguf(tmp_path: Any) -> LocalCheckpoint:
    block = Share(numbers=256, size_bytes=144)
    own = QuantisedWeights(types=("Q4_K",), blocks=(block,), outside=Share(), largest=256)
    structure = replace(STRUCTURES["t2v-A14B"], quantised=(own, own))
    return LocalCheckpoint(spec=A14B, folder=tmp_path, components=(), structure=structure)


def test_the_recipe_has_it_and_asks_for_it_again() -> None:
    request = a_request(precision="fp8")

    metadata: Mapping[str, str] = Recipe(request=request).to_metadata()

    assert '"precision": "fp8"' in metadata["comment"]


def test_what_a_worker_cannot_do_comes_back_as_what_it_is() -> None:
    error = error_for("precision-unusable", "It cannot.")

    assert isinstance(error, PrecisionUnusable)
    assert not error.retryable
    assert not isinstance(error, RenderFailed)
