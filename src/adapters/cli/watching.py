"""How a generation that is watched looks: one line that is redrawn where somebody looks, a few in a log."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final, TypeAlias

from rich.console import Console
from rich.progress import Progress

from adapters.cli.progress import is_worth_a_line, running_bar, words_of
from domain.job_event import EventKind, JobStatus

#: Shows one event, as the server tells it, with its `kind`.
ShowEvent: TypeAlias = Callable[[Mapping[str, Any]], None]

#: Of use to programs only.
_UNTOLD: Final = frozenset({EventKind.RESUME_POINT_SAVED, EventKind.MEASURED})
#: Whose names add nothing to where the run is.
_PLAIN: Final = frozenset({EventKind.STARTED, EventKind.STAGE, EventKind.STEP, *JobStatus})


@contextmanager
def shown_events() -> Iterator[ShowEvent]:
    """What shows them on standard output."""
    console = Console(highlight=False)
    if not console.is_terminal:
        yield _print_line
        return
    with running_bar(console) as bar:
        yield _Bar(bar)


class _Bar:
    """Where the run is, in place; above it whatever else there is to say, and how it ended."""

    def __init__(self, bar: Progress) -> None:
        self._bar = bar
        self._task = bar.add_task("", total=1.0, visible=False)

    def __call__(self, event: Mapping[str, Any]) -> None:
        if "status" in event:
            self._bar.update(
                self._task, completed=event["progress"], description=_doing(event), visible=True
            )
        if _said(event) or _is_last(event):
            self._bar.console.print(_line(event), markup=False)


def _print_line(event: Mapping[str, Any]) -> None:
    is_step = event["kind"] == EventKind.STEP
    if event["kind"] in _UNTOLD or (
        is_step and not is_worth_a_line(event["step"], steps=event["steps"])
    ):
        return
    print(_line(event), flush=True)


def _line(event: Mapping[str, Any]) -> str:
    if "status" not in event:  # of the connection, not of the generation
        return f"   …   {event['message']}"
    words = (_doing(event), *_said(event))
    return f"{event['progress']:6.0%}  {'  '.join(words)}"


def _doing(event: Mapping[str, Any]) -> str:
    at = f" {event['step']}/{event['steps']}" if event["stage"] == "denoising" else ""
    return (words_of(event["stage"]) if event["stage"] else event["status"]) + at


def _said(event: Mapping[str, Any]) -> tuple[str, ...]:
    """What there is to say beyond where the run is: what happened, and the server's words on it."""
    kind, message = event["kind"], event["message"]
    if kind in _UNTOLD:
        return ()
    if kind == EventKind.STARTED and event["attempt"] > 1:
        return (f"attempt {event['attempt']}",)
    happened = "" if kind in _PLAIN else kind.replace("_", " ")
    return tuple(words for words in (happened, message) if words)


def _is_last(event: Mapping[str, Any]) -> bool:
    return "status" in event and JobStatus(event["status"]).is_terminal
