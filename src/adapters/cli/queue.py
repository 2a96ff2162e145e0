"""`wan queue`: what runs, what waits and why, and how to change it; `watch` follows one generation."""

import json
from collections.abc import Iterator, Mapping
from contextlib import nullcontext
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape

from adapters.cli.asking import Asked, Connect, GenerationId, asking_group, print_json, subject
from adapters.cli.options import refused
from adapters.cli.progress import words_of
from adapters.cli.watching import shown_events


def queue_app(connect: Connect) -> typer.Typer:
    """The commands below `wan queue`; without one, it is shown."""
    return asking_group(
        connect,
        commands={
            command.__name__: command for command in (pause, resume, move, cancel, retry, watch)
        },
        default=lambda asked: _show(asked, asked.service.call("GET", "/queue")),
        about="Show and steer a running server's queue.",
    )


def pause(asked: Asked) -> None:
    """Start nothing more, until it is resumed. What runs goes on."""
    _show(asked, asked.service.call("POST", "/queue/pause"))


def resume(asked: Asked) -> None:
    """Go on, and trust slots again that were found unhealthy."""
    _show(asked, asked.service.call("POST", "/queue/resume"))


def move(
    asked: Asked,
    generation: GenerationId,
    position: Annotated[int | None, typer.Option(help="Place in line, from 1.")] = None,
    priority: Annotated[int | None, typer.Option(help="Higher runs earlier.")] = None,
) -> None:
    """Give a waiting generation another place in line."""
    if position is None and priority is None:
        raise refused("position", "say where: --position or --priority")
    body = {"position": position, "priority": priority}
    said = {name: value for name, value in body.items() if value is not None}
    asked.service.call("PATCH", f"/queue/{generation}", said)
    _show(asked, asked.service.call("GET", "/queue"))


def cancel(asked: Asked, generation: GenerationId) -> None:
    """Stop a generation."""
    told = asked.service.call("POST", f"/generations/{generation}/cancel")
    if asked.as_json:
        print_json(told)
    else:
        print(f"{generation}  {'cancelling' if told['status'] == 'running' else told['status']}")


def retry(asked: Asked, generation: GenerationId) -> None:
    """Ask again for what failed or was cancelled."""
    told = asked.service.call("POST", f"/generations/{generation}/retry")
    if asked.as_json:
        print_json(told)
    else:
        print(f"{told['id']}  queued, again for {generation}")


def watch(asked: Asked, generation: GenerationId) -> None:
    """Follow a generation until it is over, across restarts of the server.

    With --json, each event is a line.
    """
    last: Mapping[str, Any] = {}
    with nullcontext(_print_json_line) if asked.as_json else shown_events() as show:
        for last in asked.service.follow(generation):
            show(last)
    if last.get("status") != "completed":
        raise typer.Exit(1)
    if not asked.as_json:
        print(f"video  {asked.service.video_url(generation)}")


def _print_json_line(event: Mapping[str, Any]) -> None:
    print(json.dumps(event, ensure_ascii=False), flush=True)


def _show(asked: Asked, queue: Mapping[str, Any]) -> None:
    if asked.as_json:
        print_json(queue)
        return
    console = Console(highlight=False, soft_wrap=True)
    for line in (*_hindrances(queue), *_lines(queue)):
        console.print(line)


def _hindrances(queue: Mapping[str, Any]) -> Iterator[str]:
    """What keeps the line from moving."""
    if queue["paused_since"]:
        yield f"[yellow]paused[/] since {queue['paused_since']}: wan queue resume"
    if queue["problem"]:
        yield f"[red]held up[/]  {escape(queue['problem'])}"
    if queue["is_draining"]:
        yield "[yellow]the server is stopping[/]"
    for slot in queue["slots"]:
        if slot["problem"]:
            yield f"[red]slot {slot['number']}[/]  {escape(slot['problem'])}"


def _lines(queue: Mapping[str, Any]) -> Iterator[str]:
    for job in queue["running"]:
        doing = words_of(job["stage"]) if job["stage"] else job["status"]
        yield (
            f"[green]running[/]  {subject(job)}  {doing} {job['step']}/{job['steps']}, "
            f"{job['progress']:.0%}, attempt {job['attempts']}"
        )
    for place, job in enumerate(queue["waiting"], 1):
        kept = f", {job['resume_step']} of {job['steps']} steps done" if job["resume_step"] else ""
        later = f", not before {job['run_after']}" if job["run_after"] else ""
        yield f"{place:>7}  {subject(job)}  priority {job['priority']}{kept}{later}"
    if not queue["running"] and not queue["waiting"]:
        yield "Nothing runs and nothing waits."
