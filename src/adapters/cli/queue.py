"""`wan queue`: what runs, what waits and why, and how to change it; `watch` follows one generation."""

import json
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, TypeAlias

import typer
from rich.console import Console
from rich.markup import escape

if TYPE_CHECKING:  # its HTTP client takes a tenth of a second to load, and few commands need it
    from adapters.cli.service import Service

#: Makes the way to the server from the settings file and the port that were named, if any.
Connect: TypeAlias = "Callable[[Path | None, int | None], Service]"

Config = Annotated[Path | None, typer.Option(help="A TOML file of settings.", dir_okay=False)]
Port = Annotated[int | None, typer.Option(help="Port the server listens on. [8022]")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
GenerationId = Annotated[str, typer.Argument(help="A generation's id.")]

_PROMPT_CHARACTERS: Final = 40


def queue_app(connect: Connect) -> typer.Typer:
    """The commands below `wan queue`; without one, it is shown."""
    app = typer.Typer(help="Show and steer a running server's queue.", no_args_is_help=False)

    @app.callback(invoke_without_command=True)
    def show(
        context: typer.Context, config: Config = None, port: Port = None, as_json: AsJson = False
    ) -> None:
        context.obj = connect(config, port)
        context.call_on_close(context.obj.close)
        if context.invoked_subcommand is None:
            _show(context.obj.call("GET", "/queue"), as_json=as_json)

    for command in (pause, resume, move, cancel, retry, watch):
        app.command()(command)
    return app


def pause(context: typer.Context) -> None:
    """Start nothing more, until it is resumed. What runs goes on."""
    _show(context.obj.call("POST", "/queue/pause"), as_json=False)


def resume(context: typer.Context) -> None:
    """Go on, and trust slots again that were found unhealthy."""
    _show(context.obj.call("POST", "/queue/resume"), as_json=False)


def move(
    context: typer.Context,
    generation: GenerationId,
    position: Annotated[int | None, typer.Option(help="Place in line, from 1.")] = None,
    priority: Annotated[int | None, typer.Option(help="Higher runs earlier.")] = None,
) -> None:
    """Give a waiting generation another place in line."""
    if position is None and priority is None:
        raise typer.BadParameter("say where: --position or --priority.")
    body = {"position": position, "priority": priority}
    said = {name: value for name, value in body.items() if value is not None}
    context.obj.call("PATCH", f"/queue/{generation}", said)
    _show(context.obj.call("GET", "/queue"), as_json=False)


def cancel(context: typer.Context, generation: GenerationId) -> None:
    """Stop a generation."""
    told = context.obj.call("POST", f"/generations/{generation}/cancel")
    print(f"{generation}  {'cancelling' if told['status'] == 'running' else told['status']}")


def retry(context: typer.Context, generation: GenerationId) -> None:
    """Ask again for what failed or was cancelled."""
    told = context.obj.call("POST", f"/generations/{generation}/retry")
    print(f"{told['id']}  queued, again for {generation}")


def watch(context: typer.Context, generation: GenerationId) -> None:
    """Follow a generation until it is over, across restarts of the server."""
    last: Mapping[str, Any] = {}
    for last in context.obj.follow(generation):
        print(_event(last), flush=True)
    if last.get("status") != "completed":
        raise typer.Exit(1)


def _show(queue: Mapping[str, Any], *, as_json: bool) -> None:
    if as_json:
        json.dump(queue, sys.stdout, ensure_ascii=False, indent=2)
        print()
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
        doing = job["stage"] or job["status"]
        yield (
            f"[green]running[/]  {_subject(job)}  {doing} {job['step']}/{job['steps']}, "
            f"{job['progress']:.0%}, attempt {job['attempts']}"
        )
    for place, job in enumerate(queue["waiting"], 1):
        kept = f", {job['resume_step']} of {job['steps']} steps done" if job["resume_step"] else ""
        later = f", not before {job['run_after']}" if job["run_after"] else ""
        yield f"{place:>7}  {_subject(job)}  priority {job['priority']}{kept}{later}"
    if not queue["running"] and not queue["waiting"]:
        yield "Nothing runs and nothing waits."


def _subject(job: Mapping[str, Any]) -> str:
    prompt = " ".join(job["request"]["prompt"].split())
    if len(prompt) > _PROMPT_CHARACTERS:
        prompt = prompt[: _PROMPT_CHARACTERS - 1] + "…"
    return f'{job["id"]}  {job["request"]["checkpoint"]}  "{escape(prompt)}"'


def _event(event: Mapping[str, Any]) -> str:
    """One line; what the server says of the event, where it says something."""
    if "status" not in event:
        return f"   …   {event['message']}"
    at = f" {event['step']}/{event['steps']}" if event["stage"] == "denoising" else ""
    doing = f"{event['stage'] or event['status']}{at}"
    kind = event["kind"].replace("_", " ")
    if kind in {"stage", "step", event["status"]}:
        kind = ""
    words = "  ".join(part for part in (doing, kind, event["message"]) if part)
    return f"{event['progress']:6.0%}  {words}"
