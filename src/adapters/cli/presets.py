"""`wan presets`: what can be traded for speed, and what each trade costs."""

import json
from collections.abc import Iterator
from dataclasses import asdict
from typing import Annotated

import typer

from adapters.cli import speed_page
from domain.preset_costs import COSTS
from domain.presets import PRESETS, Preset, PresetCost


def add_command(app: typer.Typer) -> None:
    """Give `app` the command."""

    @app.command("presets")
    def show_presets(
        table: Annotated[
            bool, typer.Option("--table", help="Costs and combinations, as in docs/speed.md.")
        ] = False,
        as_json: Annotated[bool, typer.Option("--json", help="Print JSON for programs.")] = False,
    ) -> None:
        """Say what can be traded for speed, and what it costs: measured on the miniatures."""
        if table:
            print(speed_page.tables(), end="")
        elif as_json:
            print(json.dumps([_told(preset) for preset in PRESETS], ensure_ascii=False, indent=2))
        else:
            for preset in PRESETS:
                print("\n".join(_paragraph(preset)))


def _costs(preset: Preset) -> list[PresetCost]:
    return [cost for cost in COSTS if cost.preset == preset.name]


def _told(preset: Preset) -> dict[str, object]:
    return {
        "name": preset.name,
        "loss": preset.loss,
        "checkpoints": sorted(preset.needs) or None,
        "measured": [asdict(cost) for cost in _costs(preset)],
    }


def _paragraph(preset: Preset) -> Iterator[str]:
    yield f"{preset.name}: {preset.loss}"
    if preset.needs:
        yield f"  for {' and '.join(preset.needs)}, each with a LoRA that you put here"
    for cost in _costs(preset):
        yield (
            f"  {cost.checkpoint}: {cost.forwards:.0%} of the forwards, {cost.psnr_db} dB from the exact "
            f"video, {cost.right} of {cost.clips} right (exact: {cost.right_exactly})"
        )
