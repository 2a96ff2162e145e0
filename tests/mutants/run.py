"""Builds each fault into a copy of the tree and runs the tests that must catch it.

Run with: python -m tests.mutants.run [NAME …]    (`make mutants`)
Prints a table: the fault, whether it was caught, and by which test. Ends with 1 where one was not.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.mutants.faults import FAULTS, Fault

ROOT = Path(__file__).parents[2]
_LEFT_OUT = (
    ".venv",
    ".git",
    "__pycache__",
    ".*_cache",
    ".bench-*",
    "build",
    "node_modules",
    ".training",
    "*.egg-info",
)


def caught_by(fault: Fault, tree: Path) -> str | None:
    """The first test that fails once the fault is built in; None where none does."""
    source = tree / fault.path
    sound = source.read_text()
    source.write_text(fault.build_into(sound))
    try:
        run = subprocess.run(
            [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *fault.tests],
            cwd=tree,
            env={**os.environ, "PYTHONPATH": f"{tree / 'src'}{os.pathsep}{tree}"},
            capture_output=True,
            text=True,
            check=False,
        )
    finally:
        source.write_text(sound)
    failed = re.search(r"^(?:FAILED|ERROR) (\S+)", run.stdout, re.MULTILINE)
    if run.returncode == 1 and failed:
        return failed[1].split("::", 1)[1]
    if run.returncode:
        raise RuntimeError(run.stdout + run.stderr)
    return None


def main() -> None:
    chosen = [fault for fault in FAULTS if not sys.argv[1:] or fault.name in sys.argv[1:]]
    escaped = 0
    with tempfile.TemporaryDirectory() as folder:
        tree = Path(folder) / "tree"
        shutil.copytree(ROOT, tree, ignore=shutil.ignore_patterns(*_LEFT_OUT), symlinks=True)
        for fault in chosen:
            test = caught_by(fault, tree)
            escaped += test is None
            print(f"{fault.name:<36} {f'caught by {test}' if test else 'ESCAPED'}", flush=True)
    print(f"{len(chosen) - escaped} of {len(chosen)} faults caught")
    sys.exit(1 if escaped else 0)


if __name__ == "__main__":
    main()
