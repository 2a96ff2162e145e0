"""Where a command puts the video that it makes."""

from pathlib import Path
from typing import Annotated, Final, TypeAlias

import typer

from adapters.cli.options import refused
from domain.errors import InvalidRequest

_SUFFIX: Final = ".mp4"
_FIELD: Final = "output"

Output: TypeAlias = Annotated[
    Path, typer.Option("--output", "-o", help="The file to make, an .mp4.", dir_okay=False)
]
OptionalOutput: TypeAlias = Annotated[
    Path | None, typer.Option("--output", "-o", help="The file to make, an .mp4.", dir_okay=False)
]
Force: TypeAlias = Annotated[
    bool, typer.Option("--force", help="Replace the output file where there is one.")
]


def check_output(output: Path, *, force: bool) -> None:
    """Find that a video can be put there, before the work.

    Raises:
        InvalidRequest: it is no MP4's name, lies in no folder, or is there and not to be replaced.
    """
    if output.suffix.lower() != _SUFFIX:
        reason = f"an MP4 is made, and {output} is no MP4's name"
        raise refused(_FIELD, reason, str(output.with_suffix(_SUFFIX)))
    if not output.absolute().parent.is_dir():
        raise refused(_FIELD, f"{output} cannot be written: there is no folder {output.parent}")
    if output.exists() and not force:
        raise refused(
            _FIELD, f"{output} is there already: choose another name, or replace it with --force"
        )


def unwritable(output: Path, why: str) -> InvalidRequest:
    """What is to be said where the file cannot be made."""
    return refused(_FIELD, f"{output} cannot be written: {why}")
