"""What a reading says beyond its numbers."""

from domain.hardware import Accelerator


def test_what_is_not_used_is_free() -> None:
    card = Accelerator(
        index=0,
        name="card",
        total_bytes=24,
        used_bytes=10,
        load_percent=None,
        temperature_c=None,
        power_w=None,
    )

    assert card.free_bytes == 14
