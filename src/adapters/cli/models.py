"""`wan models`: which checkpoints there are, which of them are here, and what to say to them."""

import json
from collections.abc import Sequence

from rich.console import Console
from rich.markup import escape

from domain.checkpoint import DEFAULT_CHECKPOINT
from domain.ports.checkpoint_catalog import CatalogEntry


def show(entries: Sequence[CatalogEntry], *, as_json: bool) -> None:
    """Print one paragraph per checkpoint."""
    if as_json:
        print(json.dumps([_told(entry) for entry in entries], indent=2))
        return
    console = Console(highlight=False, soft_wrap=True)
    for entry in entries:
        spec, defaults = entry.spec, entry.spec.defaults
        state = "[green]ready[/]" if entry.local else "[yellow]not usable[/]"
        chosen = "" if spec.id == DEFAULT_CHECKPOINT else f" --model {spec.id}"
        console.print(f"[bold]{spec.id}[/]  {state}  {spec.title}")
        console.print(
            f"  {defaults.width}x{defaults.height}, {defaults.num_frames} frames at "
            f"{defaults.fps} fps, {defaults.steps} steps"
        )
        if spec.note:
            console.print(f"  {spec.note}")
        for prompt in spec.prompts if entry.local else ():
            console.print(f'  try: wan generate "{prompt}"{chosen} -o out.mp4')
        if entry.problem:
            console.print(f"  [dim]{escape(entry.problem)}[/]")


def _told(entry: CatalogEntry) -> dict[str, object]:
    return {
        "id": entry.spec.id,
        "title": entry.spec.title,
        "available": entry.local is not None,
        "problem": entry.problem,
        "folder": str(entry.local.folder) if entry.local else None,
        "weight_bytes": entry.local.weight_bytes if entry.local else None,
        "prompts": list(entry.spec.prompts),
    }
