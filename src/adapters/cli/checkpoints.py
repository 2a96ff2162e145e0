"""`wan models list`: each checkpoint's state, size and source, and what to say to it."""

import json
from collections.abc import Iterator, Sequence
from typing import Final

from rich.console import Console
from rich.markup import escape

from adapters.cli.files_progress import gib
from application.list_checkpoints import CheckpointState, CheckpointStatus
from domain.checkpoint import DEFAULT_CHECKPOINT, CheckpointSpec
from domain.known_structures import fp32_download_bytes

#: How many of a checkpoint's prompts are shown; `--json` has all.
_PROMPTS: Final = 2
_COLOURS: Final = {
    CheckpointState.READY: "green",
    CheckpointState.BROKEN: "red",
    CheckpointState.UNFINISHED: "yellow",
    CheckpointState.ABSENT: "yellow",
}


def show(statuses: Sequence[CheckpointStatus], *, as_json: bool) -> None:
    """Print one paragraph per checkpoint."""
    if as_json:
        print(json.dumps([_told(status) for status in statuses], indent=2))
        return
    console = Console(highlight=False, soft_wrap=True)
    for status in statuses:
        for line in _paragraph(status):
            console.print(line)
    if any(status.state is CheckpointState.ABSENT for status in statuses):
        console.print("A folder in diffusers' layout that lies elsewhere: wan models adopt FOLDER")


def _paragraph(status: CheckpointStatus) -> Iterator[str]:
    spec, defaults = status.entry.spec, status.entry.spec.defaults
    chosen = "" if spec.id == DEFAULT_CHECKPOINT else f" --model {spec.id}"
    yield f"[bold]{spec.id}[/]  [{_COLOURS[status.state]}]{status.state}[/]  {spec.title}"
    yield (
        f"  {defaults.width}x{defaults.height}, {defaults.num_frames} frames at "
        f"{defaults.fps} fps, {defaults.steps} steps; from {', '.join(_sources(spec))}"
    )
    yield from _files(status)
    if spec.note:
        yield f"  {spec.note}"
    for prompt in spec.prompts[:_PROMPTS] if status.local else ():
        yield f'  try: wan generate "{prompt}"{chosen} -o out.mp4'
    if status.hint:
        yield f"  try: {status.hint}"


def _files(status: CheckpointStatus) -> Iterator[str]:
    """What is here of it, what is wrong with that, and what would be fetched."""
    if status.stored:
        use = f", {status.stored.told_use}" if status.stored.is_removable else ""
        yield f"  {gib(status.stored.size_bytes)}, {escape(status.stored.source)}{use}"
    if status.unfinished:
        done, listing = status.unfinished.done_bytes, status.unfinished.listing
        yield f"  {gib(done)} of {gib(listing.size_bytes)} fetched from {listing.repository}"
    for told in status.advice:
        yield f"  {escape(told)}"
    if status.state is CheckpointState.ABSENT:
        if size := fp32_download_bytes(status.entry.spec.id):
            yield f"  {gib(size)} to fetch, its transformers in fp32"
    elif status.entry.problem:
        yield f"  [dim]{escape(status.entry.problem)}[/]"


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


def _told(status: CheckpointStatus) -> dict[str, object]:
    spec, stored = status.entry.spec, status.stored
    return {
        "id": spec.id,
        "title": spec.title,
        "available": status.local is not None,
        "state": status.state,
        "problem": status.entry.problem,
        "folder": str(stored.folder) if stored else None,
        "size_bytes": stored.size_bytes if stored else None,
        "weight_bytes": status.local.weight_bytes if status.local else None,
        "origin": stored.origin if stored else None,
        "source": stored.source if stored else None,
        "used_at": stored.used_at.isoformat() if stored else None,
        "unfinished": {
            "repository": status.unfinished.listing.repository,
            "revision": status.unfinished.listing.revision,
            "done_bytes": status.unfinished.done_bytes,
            "total_bytes": status.unfinished.listing.size_bytes,
        }
        if status.unfinished
        else None,
        "sources": _sources(spec),
        "prompts": list(spec.prompts),
    }
