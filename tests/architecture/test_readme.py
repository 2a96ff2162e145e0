"""What the README points at is there."""

import ast
import re

from tests.architecture.source_tree import ROOT


def test_every_test_that_the_readme_names_exists() -> None:
    named = re.findall(r"`(test_\w+)`", (ROOT / "README.md").read_text())
    written = {
        function.name
        for path in (ROOT / "tests").rglob("test_*.py")
        for function in ast.walk(ast.parse(path.read_text()))
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef)
    }

    assert not set(named) - written
    assert len(named) > 10, "the table of faults was found"
