"""`wan reproduce`: a video again, by the recipe that lies in it."""

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, fields
from pathlib import Path
from typing import Annotated, Any, Final, TypeAlias

import msgspec
import typer

from adapters.cli.options import AsJson, Backend, Config, DataDir
from adapters.cli.output import Force, OptionalOutput, check_output
from adapters.cli.progress import shown_progress
from application.reproduce_video import Original, ReproduceVideo, Reproduction
from domain.errors import NotReproducible
from domain.generation import GenerationRequest
from domain.recipe import RECIPE_KEY, Recipe

#: Makes what reproduces, whose file appears beside the output where one is named, from a settings file
#: and named settings.
MakeReproducer: TypeAlias = Callable[
    [Path | None, Mapping[str, Any], Path | None], AbstractContextManager[ReproduceVideo]
]

_REQUEST_FIELDS: Final = frozenset(field.name for field in fields(GenerationRequest))


def add_command(app: typer.Typer, make_reproducer: MakeReproducer) -> None:
    """Give `app` the command."""

    @app.command()
    def reproduce(
        source: Annotated[
            str, typer.Argument(help="An MP4 of Wan Studio's, or a generation's id.")
        ],
        output: OptionalOutput = None,
        given: Annotated[
            list[Path] | None,
            typer.Option(help="A picture or video that it was made from. Again for each."),
        ] = None,
        anyway: Annotated[
            bool, typer.Option("--anyway", help="Also with another version or other weights.")
        ] = False,
        force: Force = False,
        data_dir: DataDir = None,
        backend: Backend = None,
        config: Config = None,
        as_json: AsJson = False,
    ) -> None:
        """Make a video again by the recipe that lies in it, and say whether the file is the same.

        Without an output it is only compared. Exit code 1: it was made, and is another.
        """
        if output is not None:
            check_output(output, force=force)
        overrides = {"data_dir": data_dir and str(data_dir), "pipeline.backend": backend}
        with make_reproducer(config, overrides, output) as reproducing:
            original = reproducing.look(source)
            recipe = read_recipe(original)
            differing = reproducing.differences(recipe)
            if differing and not anyway:
                raise NotReproducible(
                    f"{' '.join(differing)} Add --anyway to make it all the same."
                )
            for difference in differing:
                print(difference, file=sys.stderr)
            plan = reproducing.plan(recipe, [_read(path) for path in given or ()])
            with shown_progress(steps=recipe.request.all_steps) as report:
                made = reproducing.execute(original, recipe, plan, report)
            if output is not None:
                made.path.replace(output)
        _show(original, made, output, differing, as_json=as_json)
        if not made.is_equal:
            raise typer.Exit(1)


def read_recipe(original: Original) -> Recipe:
    """What lies in the file.

    Raises:
        NotReproducible: there is no recipe, or none that this version can follow.
    """
    text = original.footage.metadata.get(RECIPE_KEY, "")
    try:
        told = json.loads(text)
        unknown = sorted(told["request"].keys() - _REQUEST_FIELDS)
        recipe = msgspec.convert(told, Recipe)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise NotReproducible(f"There is no recipe of Wan Studio in {original.path}.") from error
    if unknown:
        raise NotReproducible(
            f"The recipe in {original.path} asks for what this version does not know: "
            f"{', '.join(unknown)}."
        )
    return recipe


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise NotReproducible(f"{path} cannot be read: {error.strerror}.") from error


def _show(
    original: Original,
    made: Reproduction,
    output: Path | None,
    differing: Sequence[str],
    *,
    as_json: bool,
) -> None:
    if as_json:
        told = {
            "original": str(original.path),
            "original_sha256": original.sha256,
            "path": None if output is None else str(output),
            "video": asdict(made.video),
            "differences": list(differing),
            "is_equal": made.is_equal,
            "has_equal_pictures": made.has_equal_pictures,
        }
        print(json.dumps(told, ensure_ascii=False, indent=2))
        return
    if made.is_equal:
        print(f"equal, byte for byte: sha256 {original.sha256}")
        return
    if made.has_equal_pictures:
        print("another file with equal pictures: only what is told beside them differs")
    else:
        print("another video: on another machine, or with other libraries, the numbers differ")
    print(f"{original.sha256}  {original.path}")
    print(f"{made.video.sha256}  {output or 'made again'}")
