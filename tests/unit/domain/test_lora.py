"""Which LoRAs a checkpoint takes, and how strongly."""

from typing import Any

import pytest

from domain.checkpoint import CHECKPOINTS, checkpoint_spec
from domain.lora import MAX_LORAS, Expert, Lora, LoraDraft, LoraUse, check_loras, family_of
from tests.fakes.lora_catalog import a_lora, a_lora_file

PAIR = Lora(
    name="turn",
    files=(
        a_lora_file("turn_high", experts=(Expert.HIGH_NOISE,)),
        a_lora_file("turn_low", experts=(Expert.LOW_NOISE,)),
    ),
)


def a_use(name: str = "turn", high: float = 1.0, low: float = 1.0) -> LoraUse:
    return LoraUse(name=name, strength_high_noise=high, strength_low_noise=low, sha256=("0",))


def pointers(lora: Lora, checkpoint: str = "mini", use: LoraUse | None = None) -> list[str]:
    spec = checkpoint_spec(checkpoint)
    return [found.pointer for found in check_loras([use or a_use()], [lora], spec)]


@pytest.mark.parametrize(
    ("said", "high", "low"),
    [
        ({}, 1.0, 1.0),
        ({"strength": 0.5}, 0.5, 0.5),
        ({"strength": 0.5, "strength_low_noise": 0.0}, 0.5, 0.0),
        ({"strength_high_noise": -1.0}, -1.0, 1.0),
    ],
)
def test_the_more_particular_strength_wins(said: dict[str, Any], high: float, low: float) -> None:
    use = LoraDraft(name="turn", **said).complete(["ab"])

    assert (use.strength(Expert.HIGH_NOISE), use.strength(Expert.LOW_NOISE)) == (high, low)
    assert use.sha256 == ("ab",)


def test_what_fits_is_taken() -> None:
    assert pointers(a_lora("turn")) == []
    assert pointers(PAIR) == []
    assert pointers(a_lora("turn"), "mini-ti2v") == []


def test_every_checkpoint_has_a_family() -> None:
    assert all(family_of(spec) for spec in CHECKPOINTS)
    named = ("mini-ti2v", "i2v-A14B", "ti2v-5B", "t2v-1.3B")
    families = [family_of(checkpoint_spec(checkpoint)) for checkpoint in named]
    assert families == ["mini", "14B", "5B", "1.3B"]


@pytest.mark.parametrize("widths", [(5120,), (160, 5120), (17,), ()])
def test_another_familys_is_refused(widths: tuple[int, ...]) -> None:
    (violation,) = check_loras([a_use()], [a_lora("turn", widths=widths)], checkpoint_spec("mini"))

    assert violation.pointer == "/loras/0/name"
    assert "mini family" in violation.reason


def test_what_is_for_two_experts_is_refused_where_there_is_one_network() -> None:
    assert pointers(PAIR, "mini-ti2v") == ["/loras/0/name"]
    low = a_lora("turn", experts=(Expert.LOW_NOISE,))
    assert pointers(low, "mini-ti2v") == ["/loras/0/name"]
    assert pointers(low, "mini") == []


def test_one_network_has_one_strength() -> None:
    assert pointers(a_lora("turn"), "mini-ti2v", a_use(low=0.5)) == ["/loras/0/strength_low_noise"]


@pytest.mark.parametrize("strength", [4.5, -5.0, float("nan")])
def test_a_strength_out_of_bounds_is_refused(strength: float) -> None:
    assert pointers(a_lora("turn"), use=a_use(high=strength)) == ["/loras/0/strength_high_noise"]


def test_there_is_a_bound_and_nobody_is_named_twice() -> None:
    uses = [a_use(f"l{number}") for number in range(MAX_LORAS + 1)]
    loras = [a_lora(use.name) for use in uses]
    twice = [uses[0], uses[0]]

    spec = checkpoint_spec("mini")
    assert [found.pointer for found in check_loras(uses, loras, spec)] == ["/loras"]
    assert [found.pointer for found in check_loras(twice, loras[:1] * 2, spec)] == ["/loras"]
    assert check_loras(uses[:-1], loras[:-1], spec) == []
