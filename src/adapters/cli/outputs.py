"""`wan outputs`: find finished videos, fetch them, judge them, delete them and bring them back."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from rich.console import Console
from rich.markup import escape

from adapters.cli.asking import Asked, Connect, GenerationId, asking_group, print_json, subject
from adapters.cli.output import Force, check_output, unwritable
from domain.library import MAX_RATING

_SHOWN: Final = 20
#: The most that the server tells at once.
_PAGE: Final = 200

_Ids = Annotated[list[str], typer.Argument(metavar="GENERATION...", help="Generations' ids.")]


def outputs_app(connect: Connect) -> typer.Typer:
    """The commands below `wan outputs`; without one, the newest are listed."""
    return asking_group(
        connect,
        commands={
            "list": find,
            "show": show,
            "save": save,
            "rate": rate,
            "favourite": favourite,
            "delete": delete,
            "restore": restore,
        },
        default=lambda asked: find(asked),
        about="Find, fetch, judge and delete a running server's finished videos.",
    )


def find(
    asked: Asked,
    words: Annotated[
        list[str] | None, typer.Argument(help="Words of the prompt, or their beginnings.")
    ] = None,
    checkpoint: Annotated[
        list[str] | None, typer.Option(help="Only of this one; may be said again.")
    ] = None,
    lora: Annotated[
        list[str] | None, typer.Option(help="Only with this one; may be said again.")
    ] = None,
    size: Annotated[
        list[str] | None, typer.Option(help="Only of this size, WxH; may be said again.")
    ] = None,
    since: Annotated[
        datetime | None, typer.Option(help="Asked for then or later, by this machine's clock.")
    ] = None,
    until: Annotated[datetime | None, typer.Option(help="Asked for before then.")] = None,
    min_rating: Annotated[int, typer.Option(help="Only with at least so many stars.")] = 0,
    favourite: Annotated[
        bool | None, typer.Option(help="Only favourites, or only the others.")
    ] = None,
    deleted: Annotated[
        bool, typer.Option("--deleted", help="Those that can be restored, instead.")
    ] = False,
    oldest: Annotated[bool, typer.Option("--oldest", help="The oldest first.")] = False,
    limit: Annotated[int, typer.Option(min=1, help="How many, at most.")] = _SHOWN,
) -> None:
    """List videos, newest first: all that is said must hold."""
    said = {
        "q": " ".join(words or ()),
        "checkpoint": checkpoint,
        "lora": lora,
        "size": size,
        "since": since and since.astimezone().isoformat(),
        "until": until and until.astimezone().isoformat(),
        "min_rating": min_rating,
        "favourite": favourite,
        "deleted": deleted,
        "order": "oldest" if oldest else None,
    }
    filters = {name: value for name, value in said.items() if value not in (None, "", [], False)}
    if favourite is False:
        filters["favourite"] = favourite
    found, total = _pages(asked, filters, limit)
    if asked.as_json:
        print_json({"data": found, "total": total})
        return
    for output in found:
        _say(_line(output))
    if not found:
        _say("There is no such video.")
    elif total > len(found):
        _say(f"{total - len(found)} more: --limit {total}")


def show(asked: Asked, generation: GenerationId) -> None:
    """Show one video, all that was asked for it, and what came of it."""
    told = asked.service.call("GET", f"/outputs/{generation}")
    if asked.as_json:
        print_json(told)
        return
    for line in _facts(told):
        _say(line)


def save(
    asked: Asked,
    generation: GenerationId,
    file: Annotated[
        Path | None, typer.Argument(help="Where to, an .mp4. [the id, here]", dir_okay=False)
    ] = None,
    force: Force = False,
) -> None:
    """Fetch a video into a file, which appears once it is whole."""
    output = file or Path(f"{generation}.mp4")
    check_output(output, force=force)
    told = asked.service.call("GET", f"/outputs/{generation}")
    partial = output.with_name(f"{output.name}.partial")
    try:
        with partial.open("wb") as begun:
            pieces = asked.service.fetch(
                f"/outputs/{generation}/video", sha256=told["video"]["sha256"]
            )
            begun.writelines(pieces)
        partial.replace(output)
    except OSError as error:
        raise unwritable(output, error.strerror or str(error)) from error
    finally:
        partial.unlink(missing_ok=True)
    if asked.as_json:
        print_json({"path": str(output), "video": told["video"]})
    else:
        _say(f"{escape(str(output))}  {_measures(told)}")


def rate(
    asked: Asked,
    generation: GenerationId,
    stars: Annotated[int, typer.Argument(help=f"0, which takes them away, to {MAX_RATING}.")],
) -> None:
    """Give a video stars."""
    _judge(asked, generation, {"rating": stars})


def favourite(
    asked: Asked,
    generation: GenerationId,
    off: Annotated[bool, typer.Option("--off", help="Make it none any more.")] = False,
) -> None:
    """Make a video a favourite, which is never deleted for its age."""
    _judge(asked, generation, {"favourite": not off})


def delete(asked: Asked, generations: _Ids) -> None:
    """Delete videos. For some days they can be restored."""
    for generation in generations:
        asked.service.call("DELETE", f"/outputs/{generation}")
        if not asked.as_json:
            _say(f"{generation}  deleted")
    if asked.as_json:
        print_json({"deleted": generations})


def restore(asked: Asked, generations: _Ids) -> None:
    """Bring deleted videos back."""
    told = [asked.service.call("POST", f"/outputs/{each}/restore") for each in generations]
    if asked.as_json:
        print_json({"data": told})
        return
    for output in told:
        _say(_line(output))


def _pages(
    asked: Asked, filters: Mapping[str, Any], limit: int
) -> tuple[list[Mapping[str, Any]], int]:
    """At most so many, and how many there are in all."""
    found: list[Mapping[str, Any]] = []
    cursor, total = None, 0
    while len(found) < limit:
        wanted = {**filters, "limit": min(limit - len(found), _PAGE)}
        if cursor is not None:
            wanted["cursor"] = cursor
        page = asked.service.call("GET", "/outputs", params=wanted)
        total = page["facets"]["total"] if page["facets"] else total
        found += page["data"]
        if (cursor := page["next_cursor"]) is None:
            break
    return found, total


def _judge(asked: Asked, generation: str, judgement: Mapping[str, object]) -> None:
    told = asked.service.call("PATCH", f"/outputs/{generation}", judgement)
    if asked.as_json:
        print_json(told)
    else:
        _say(_line(told))


def _line(output: Mapping[str, Any]) -> str:
    return f"{subject(output)}  {_measures(output)}{_liking(output)}"


def _measures(output: Mapping[str, Any]) -> str:
    video = output["video"]
    return f"{video['width']}x{video['height']}, {video['num_frames']} frames, {video['duration_s']:.1f} s"


def _liking(output: Mapping[str, Any]) -> str:
    stars = "★" * output["rating"]
    told = (stars, "favourite" if output["favourite"] else "")
    return "".join(f"  [yellow]{each}[/]" for each in told if each)


def _facts(output: Mapping[str, Any]) -> Iterator[str]:
    yield f"{output['id']}  {_measures(output)}, {output['video']['size_bytes']} bytes{_liking(output)}"
    for name, value in output["request"].items():
        if value not in (None, "", [], {}):
            yield f"  {name.replace('_', ' ')}  {escape(str(value))}"
    for name in ("created_at", "finished_at", "deleted_at", "made_from", "retry_of"):
        if output[name] is not None:
            yield f"  {name.replace('_', ' ')}  {output[name]}"
    for relative in output["continued_by"] or ():
        yield f"  {relative['how'].replace('_', ' ')} it  {relative['id']}, {relative['status']}"


def _say(line: str) -> None:
    Console(highlight=False, soft_wrap=True).print(line)
