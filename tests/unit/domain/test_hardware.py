"""What a reading says beyond its numbers."""

from dataclasses import replace

import pytest

from domain.hardware import Accelerator, Hardware, Host

CARD = Accelerator(
    index=0,
    name="card",
    total_bytes=24,
    used_bytes=10,
    load_percent=None,
    temperature_c=None,
    power_w=None,
    uuid="GPU-11-aa",
)


def test_what_is_not_used_is_free() -> None:
    assert CARD.free_bytes == 14


@pytest.mark.parametrize(
    ("place", "index"),
    [
        ("0", 0),
        ("2", 2),
        ("GPU-22", 2),
        ("GPU-22-bb", 2),
        ("1", None),
        ("GPU-3", None),
        ("MIG-1", None),
    ],
)
def test_an_accelerator_is_found_as_cuda_names_it(place: str, index: int | None) -> None:
    hardware = Hardware(
        host=Host(cpu_count=1, load_percent=0, total_bytes=1, available_bytes=1),
        accelerators=(CARD, replace(CARD, index=2, uuid="GPU-22-bb")),
    )

    found = hardware.accelerator(place)

    assert (found.index if found else None) == index


def test_a_job_may_come_to_the_oldest_of_several_accelerators() -> None:
    host = Host(cpu_count=1, load_percent=0, total_bytes=1, available_bytes=1)
    cards = [replace(CARD, compute_capability=it) for it in ((9, 0), None, (8, 6))]

    known, unknown = (
        Hardware(host=host, accelerators=tuple(among)).capacity for among in (cards, cards[1:2])
    )

    assert (known.compute_capability, unknown.compute_capability) == ((8, 6), None)
