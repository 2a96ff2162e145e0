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


def machine(*cards: Accelerator) -> Hardware:
    host = Host(cpu_count=1, load_percent=0, total_bytes=100, available_bytes=60)
    return Hardware(host=host, accelerators=cards)


def test_a_job_may_come_to_the_oldest_of_several_accelerators() -> None:
    cards = [
        replace(CARD, index=index, uuid=None, compute_capability=it)
        for index, it in enumerate(((9, 0), None, (8, 6)))
    ]

    known, unknown = (machine(*cards).capacity_for(workers) for workers in (["0", "1", "2"], ["1"]))

    assert (known.compute_capability, unknown.compute_capability) == ((8, 6), None)


OTHER = replace(CARD, index=1, uuid="GPU-22-bb", total_bytes=90)


@pytest.mark.parametrize(
    ("workers", "accelerator", "host"),
    [
        (["0"], 14, 60),
        (["1"], 80, 60),
        (["GPU-22"], 80, 60),
        (["0", "1"], 14, 30),
        (["1", "1"], 40, 30),
        (["1", "GPU-22", "0"], 14, 20),
        ([None], None, 60),
        ([None, None, None], None, 20),
        (["MIG-7"], 14, 60),
        (["MIG-7", "MIG-8"], 7, 30),
    ],
    ids=str,
)
def test_workers_share_what_they_may_use_and_nothing_else_counts(
    workers: list[str | None], accelerator: int | None, host: int
) -> None:
    # A job was planned onto a card that CUDA_VISIBLE_DEVICES hid, and two workers each into all of the
    # host's memory.
    told = machine(CARD, OTHER).capacity_for(workers)

    assert (told.accelerator_bytes, told.host_bytes) == (accelerator, host)


def test_a_named_accelerator_on_a_machine_that_shows_none_has_no_memory() -> None:
    assert machine().capacity_for(["0"]).accelerator_bytes is None
