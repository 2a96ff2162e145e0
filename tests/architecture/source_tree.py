"""Reads the project's own source, for rules that hold for code not yet written."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
SRC = ROOT / "src"


def modules(*packages: str) -> list[tuple[str, ast.Module]]:
    """(dotted name, syntax tree) of every module of these packages."""
    found = []
    for package in packages:
        for path in sorted((SRC / package).rglob("*.py")):
            name = ".".join(path.relative_to(SRC).with_suffix("").parts)
            found.append((name.removesuffix(".__init__"), _parsed(path)))
    return found


@cache
def _parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


def imported_roots(tree: ast.AST) -> Iterator[str]:
    """The first name of everything the module imports, wherever in it."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            yield (node.module or "").split(".")[0]
