"""Every fault still fits the source it was written for; `python -m tests.mutants.run` builds them in."""

import ast
from pathlib import Path

import pytest

from tests.mutants.faults import FAULTS, Fault

ROOT = Path(__file__).parents[2]


def test_there_are_enough_of_them_and_each_has_its_own_name() -> None:
    names = [fault.name for fault in FAULTS]

    assert len(set(names)) == len(names) >= 8


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_a_fault_fits_the_source_and_leaves_it_python(fault: Fault) -> None:
    sound = (ROOT / fault.path).read_text()

    spoiled = fault.build_into(sound)

    assert spoiled != sound
    assert ast.parse(spoiled)
    assert all((ROOT / test.split("::")[0]).exists() for test in fault.tests)
