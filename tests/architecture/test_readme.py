"""What the README and the other documents point at is there."""

import ast
import re
from functools import cache

import pytest

from tests.architecture.source_tree import ROOT


@cache
def written_tests() -> frozenset[str]:
    return frozenset(
        function.name
        for path in (ROOT / "tests").rglob("test_*.py")
        for function in ast.walk(ast.parse(path.read_text()))
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef)
    )


@pytest.mark.parametrize("document", ["README.md", "docs/security.md"])
def test_every_test_that_is_named_exists(document: str) -> None:
    named = re.findall(r"`(test_\w+)`", (ROOT / document).read_text())

    assert not set(named) - written_tests()
    assert len(named) > 10, "the table of faults was found"


def test_every_threat_has_a_test_that_bears_its_number() -> None:
    rows = re.findall(
        r"^\| ((?:S\d+,? ?)+).*\|(.*)\|$", (ROOT / "docs/security.md").read_text(), re.MULTILINE
    )
    proofs = {
        (int(number), proof)
        for threats, told in rows
        for number in re.findall(r"\d+", threats)
        for proof in re.findall(r"`(test_\w+)`", told)
    }

    proven = {number for number, proof in proofs if f"_s{number:02}_" in proof}
    assert proven == set(range(1, 23))
