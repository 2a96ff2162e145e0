"""`wan doctor`: what would keep Wan Studio from working, one line each."""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass

from rich.console import Console
from rich.markup import escape


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One thing that was looked at. `problem`: what is wrong and what to do; None where it is fine."""

    name: str
    detail: str = ""
    problem: str | None = None


def show(checks: Iterable[Check], *, as_json: bool) -> bool:
    """Print each check as it is made. Returns whether all are fine."""
    console = Console(highlight=False)
    seen = []
    for check in checks:
        seen.append(check)
        if not as_json:
            mark = "[green]ok     [/]" if check.problem is None else "[red]problem[/]"
            console.print(
                f"{mark} {check.name:<15} {escape(check.problem or check.detail)}", soft_wrap=True
            )
    if as_json:
        print(json.dumps([asdict(check) for check in seen], indent=2))
    return all(check.problem is None for check in seen)
