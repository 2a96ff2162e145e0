"""What the README and the other documents point at is there."""

import ast
import re

import pytest

from tests.architecture.source_tree import ROOT


@pytest.mark.parametrize("document", ["README.md", "docs/security.md"])
def test_every_test_that_is_named_exists(document: str) -> None:
    named = re.findall(r"`(test_\w+)`", (ROOT / document).read_text())
    written = {
        function.name
        for path in (ROOT / "tests").rglob("test_*.py")
        for function in ast.walk(ast.parse(path.read_text()))
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef)
    }

    assert not set(named) - written
    assert len(named) > 10, "the table of faults was found"
