"""`wan audit`: whether jobs, history and files are as they must be."""

import json
from collections.abc import Sequence
from dataclasses import asdict

from rich.console import Console
from rich.markup import escape

from domain.audit import Finding


def show(findings: Sequence[Finding], *, jobs_seen: int, as_json: bool) -> bool:
    """Print what was found. Returns whether that is nothing."""
    if as_json:
        print(json.dumps({"jobs": jobs_seen, "findings": [asdict(f) for f in findings]}, indent=2))
        return not findings
    console = Console(highlight=False, soft_wrap=True)
    for finding in findings:
        console.print(f"[red]{finding.invariant}[/]  {finding.subject}  {escape(finding.message)}")
    console.print(f"{jobs_seen} generations, {len(findings)} findings")
    return not findings
