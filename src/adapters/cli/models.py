"""`wan models`: which checkpoints there are, which of them are here, and what to say to them."""

import json
from collections.abc import Sequence

from rich.console import Console
from rich.markup import escape

from domain.checkpoint import CheckpointSpec
from domain.ports.checkpoint_catalog import CatalogEntry


def show(entries: Sequence[CatalogEntry], *, as_json: bool) -> None:
    """Print one paragraph per checkpoint."""
    if as_json:
        print(json.dumps([_told(entry) for entry in entries], indent=2))
        return
    console = Console(highlight=False, soft_wrap=True)
    for entry in entries:
        spec, defaults = entry.spec, entry.spec.defaults
        state = "[green]ready[/]" if entry.local else "[yellow]not here[/]"
        console.print(f"[bold]{spec.id}[/]  {state}  {spec.title}")
        console.print(
            f"  {defaults.width}x{defaults.height}, {defaults.num_frames} frames at "
            f"{defaults.fps} fps, {defaults.steps} steps"
        )
        console.print(f"  from {', '.join(_sources(spec))}")
        if spec.note:
            console.print(f"  {spec.note}")
        for prompt in spec.prompts if entry.local else ():
            console.print(f'  try: wan generate "{prompt}" -o out.mp4')
        if entry.problem:
            console.print(f"  [dim]{escape(entry.problem)}[/]")


def _sources(spec: CheckpointSpec) -> list[str]:
    """What it makes videos from."""
    told = {
        "text": True,
        "a first image (needed)": spec.needs_image,
        "a first image": spec.takes_image and not spec.needs_image,
        "a last image": spec.takes_last_image,
        "a video to make anew": spec.takes_video,
        "references, a control video and its mask": spec.takes_control,
        "a character, its poses and its face (needed)": spec.animates_character,
    }
    return [source for source, is_taken in told.items() if is_taken]


def _told(entry: CatalogEntry) -> dict[str, object]:
    return {
        "id": entry.spec.id,
        "title": entry.spec.title,
        "available": entry.local is not None,
        "problem": entry.problem,
        "folder": str(entry.local.folder) if entry.local else None,
        "weight_bytes": entry.local.weight_bytes if entry.local else None,
        "sources": _sources(entry.spec),
        "prompts": list(entry.spec.prompts),
    }
