"""A container's memory limit, as the kernel writes it down."""

from pathlib import Path

import pytest

from adapters.hardware.control_group import remaining_bytes

GIB = 2**30


def limit(folder: Path, maximum: str, *, used: int, inactive: int = 0, active: int = 0) -> Path:
    (folder / "memory.max").write_text(f"{maximum}\n")
    (folder / "memory.current").write_text(f"{used}\n")
    stat = f"anon {used}\nactive_file {active}\ninactive_file {inactive}\n"
    (folder / "memory.stat").write_text(stat)
    return folder


def test_what_is_used_is_taken_off_and_what_is_only_cached_is_not(tmp_path: Path) -> None:
    folder = limit(tmp_path, str(8 * GIB), used=3 * GIB, inactive=GIB, active=GIB // 2)

    assert remaining_bytes(folder) == 6.5 * GIB


def test_a_limit_that_is_passed_leaves_nothing(tmp_path: Path) -> None:
    assert remaining_bytes(limit(tmp_path, str(GIB), used=2 * GIB)) == 0


@pytest.mark.parametrize("maximum", ["max", "garbled"])
def test_without_a_limit_nothing_is_told(maximum: str, tmp_path: Path) -> None:
    assert remaining_bytes(limit(tmp_path, maximum, used=GIB)) is None


def test_a_system_without_control_groups_tells_nothing(tmp_path: Path) -> None:
    assert remaining_bytes(tmp_path) is None
