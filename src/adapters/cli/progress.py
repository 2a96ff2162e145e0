"""How a run looks in a terminal: a bar where someone watches, plain lines where it is a log."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, TextColumn, TimeElapsedColumn

from domain.progress import Stage, progress
from domain.rendering import Noticed, RenderProgress, Report, Resumed, StageEntered, StepFinished

_LINES: Final = 10
_WORDS: Final = {
    Stage.LOADING: "loading",
    Stage.ENCODING_PROMPT: "reading the prompt",
    Stage.DENOISING: "denoising",
    Stage.DECODING: "decoding",
    Stage.ENCODING_VIDEO: "writing the video",
}


def words_of(stage: str) -> str:
    """What a person calls that stage; a server's newer one is called as it calls it."""
    return _WORDS[Stage(stage)] if stage in list(Stage) else stage.replace("_", " ")


@contextmanager
def shown_progress(*, steps: int) -> Iterator[Report]:
    """A report that shows itself on standard error."""
    console = Console(stderr=True, highlight=False)
    if not console.is_terminal:
        yield _PlainLines(steps)
        return
    with running_bar(console, TimeElapsedColumn()) as bar:
        yield _Bar(bar, steps)


def running_bar(console: Console, *more: ProgressColumn) -> Progress:
    """One line: what is done, how far it is, and `more`; gone once it is over."""
    return Progress(
        TextColumn("{task.description:<20}"),
        BarColumn(bar_width=None),
        TextColumn("{task.percentage:>3.0f}%"),
        *more,
        console=console,
        transient=True,
    )


def is_worth_a_line(step: int, *, steps: int) -> bool:
    """Whether a log tells that step: some ten to twenty of a run, and the last."""
    return step == steps or step % max(1, steps // _LINES) == 0


class _Position:
    """Where the run is, told in words and as a share."""

    def __init__(self, steps: int) -> None:
        self.steps = steps
        self.stage = Stage.LOADING
        self.step = 0

    def move(self, told: RenderProgress) -> bool:
        """Whether there is anything new to show."""
        match told:
            case StageEntered(stage=stage):
                self.stage = stage
            case StepFinished(step=step) | Resumed(step=step):
                self.step = step
            case _:
                return False
        return True

    @property
    def share(self) -> float:
        return progress(self.stage, step=self.step, steps=self.steps)

    @property
    def words(self) -> str:
        if self.stage is Stage.DENOISING and self.step:
            return f"{_WORDS[self.stage]} {self.step}/{self.steps}"
        return _WORDS[self.stage]


class _Bar:
    def __init__(self, bar: Progress, steps: int) -> None:
        self._bar = bar
        self._position = _Position(steps)
        self._task = bar.add_task(self._position.words, total=1.0)

    def __call__(self, told: RenderProgress) -> None:
        if isinstance(told, Noticed):
            self._bar.console.print(told.text, markup=False)
        elif self._position.move(told):
            self._bar.update(
                self._task, completed=self._position.share, description=self._position.words
            )


class _PlainLines:
    def __init__(self, steps: int) -> None:
        self._position = _Position(steps)
        self._began = time.monotonic()
        self._print()

    def __call__(self, told: RenderProgress) -> None:
        if isinstance(told, Noticed):
            print(told.text, file=sys.stderr, flush=True)
        elif self._position.move(told) and self._is_worth_a_line(told):
            self._print()

    def _is_worth_a_line(self, told: RenderProgress) -> bool:
        if not isinstance(told, StepFinished):
            return True
        return is_worth_a_line(told.step, steps=self._position.steps)

    def _print(self) -> None:
        elapsed = time.monotonic() - self._began
        line = f"{elapsed:7.1f} s  {self._position.share:4.0%}  {self._position.words}"
        print(line, file=sys.stderr, flush=True)
