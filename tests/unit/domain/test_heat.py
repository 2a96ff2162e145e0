"""An accelerator that is too hot gets no job until it has cooled."""

from dataclasses import replace

import pytest

from domain.hardware import Accelerator
from domain.heat import BELIEVED_S, MARGIN_C, Heat, HeatLimits
from domain.slot import Slot

CARD = Accelerator(
    index=1,
    name="Card",
    total_bytes=1,
    used_bytes=0,
    load_percent=None,
    temperature_c=60,
    power_w=None,
    slowdown_c=90,
)
HOT = 90 - MARGIN_C


def at(temperature_c: int | None) -> Accelerator:
    return replace(CARD, temperature_c=temperature_c)


@pytest.fixture
def heat() -> Heat:
    return Heat(1, HeatLimits())


@pytest.fixture
def hot(heat: Heat) -> Heat:
    heat.note(at(HOT), now=100)
    assert heat.is_held(now=100)
    return heat


def test_a_card_below_its_limit_is_used(heat: Heat) -> None:
    assert heat.note(at(HOT - 1), now=0) is None
    assert (heat.is_held(now=0), heat.problem) == (False, None)


def test_a_card_near_the_point_where_it_slows_itself_down_is_held_and_says_so_once(
    heat: Heat,
) -> None:
    told = heat.note(at(HOT), now=0)

    assert told == heat.problem
    assert told is not None
    assert "Accelerator 1 (Card) has 87 °C" in told
    assert "it slows itself down at 90 °C" in told
    assert "cooled to 77 °C" in told
    assert heat.note(at(HOT + 2), now=5) is None
    assert heat.problem == told


def test_it_is_held_until_it_has_cooled_well_below(hot: Heat) -> None:
    assert hot.note(at(HOT - 9), now=105) is None
    assert hot.is_held(now=105)

    told = hot.note(at(HOT - 10), now=110)

    assert told == "Accelerator 1 (Card) has cooled to 77 °C and is used again."
    assert (hot.is_held(now=110), hot.problem) == (False, None)
    assert hot.note(at(HOT - 1), now=115) is None
    assert not hot.is_held(now=115)


def test_what_the_operator_says_goes_before_the_drivers_word() -> None:
    heat = Heat(1, HeatLimits(hold_c=70, cool_by_c=5))

    told = heat.note(at(70), now=0)

    assert "held from 70 °C on (thermal.hold_c)" in str(told)
    assert heat.note(at(66), now=5) is None
    assert heat.note(at(65), now=10) is not None


def test_where_the_driver_tells_no_limit_none_is_invented(heat: Heat) -> None:
    assert heat.note(replace(CARD, temperature_c=105, slowdown_c=None), now=0) is None
    assert not heat.is_held(now=0)


@pytest.mark.parametrize("lost", [None, at(None)])
def test_a_hold_does_not_outlive_what_is_known(hot: Heat, lost: Accelerator | None) -> None:
    assert hot.note(lost, now=100 + BELIEVED_S - 1) is None
    assert hot.is_held(now=100 + BELIEVED_S - 1)

    told = hot.note(lost, now=100 + BELIEVED_S)

    assert "told no temperature for 60 s" in str(told)
    assert hot.problem is None


def test_a_watch_that_has_stopped_holds_nobody_for_ever(hot: Heat) -> None:
    assert not hot.is_held(now=100 + BELIEVED_S)


def test_a_card_whose_temperature_was_never_told_is_used(heat: Heat) -> None:
    assert heat.note(at(None), now=0) is None
    assert not heat.is_held(now=0)


def test_slots_of_a_hot_accelerator_start_nothing_and_others_do(hot: Heat) -> None:
    beside, elsewhere = Slot(1, hot), Slot(2, Heat(2, HeatLimits()))

    assert not Slot(0, hot).may_work(now=100)
    assert not beside.may_work(now=100)
    assert beside.problem == hot.problem
    assert elsewhere.may_work(now=100)


def test_resuming_the_queue_cools_nothing(hot: Heat) -> None:
    slot = Slot(0, hot)

    slot.forgive()

    assert not slot.may_work(now=100)
