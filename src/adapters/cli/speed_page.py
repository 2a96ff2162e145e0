"""The tables of `docs/speed.md`: what presets cost, and what may be combined. `wan presets --table`."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from domain.attention import Attention
from domain.checkpoint import DEFAULT_CHECKPOINT, checkpoint_spec
from domain.errors import InvalidRequest
from domain.generation import GenerationDraft
from domain.lora import Expert, Lora, LoraDraft, LoraFile
from domain.placement import ALL_ON_CPU, ALL_RESIDENT, Place, Placement
from domain.preset_costs import COSTS, MEASURED
from domain.shortcuts import DISTILLED
from domain.structure import Precision

GGUF: Final = "GGUF"
#: The columns: where the experts lie, and how they are kept. Without an accelerator it is fp32, or fp8.
PLACEMENTS: Final[Mapping[str, Placement]] = {
    "CPU, fp32": ALL_ON_CPU,
    "CPU, fp8": replace(ALL_ON_CPU, precision=Precision.FP8),
    **{
        f"{told}, {precision.value}": replace(ALL_RESIDENT, experts=place, precision=precision)
        for told, place in (
            ("resident", Place.RESIDENT),
            ("swapped", Place.VISITING),
            ("streamed", Place.STREAMED),
        )
        for precision in Precision
        if precision is not Precision.FP32
    },
    # Of a checkpoint that is a pair of GGUF files: all else of it is in bf16, and on a CPU in fp32.
    f"CPU, {GGUF}": ALL_ON_CPU,
    f"resident, {GGUF}": ALL_RESIDENT,
    f"swapped, {GGUF}": replace(ALL_RESIDENT, experts=Place.VISITING),
    f"streamed, {GGUF}": replace(ALL_RESIDENT, experts=Place.STREAMED),
}
#: The rows: what is left out, and how LoRAs are used. All are tried together.
SHORTCUTS: Final[Mapping[str, Mapping[str, Any]]] = {
    "every step, guided": {},
    "guidance ends early": {"guidance_until": 0.5},
    "step cache": {"step_cache": 0.9},
    "both": {"guidance_until": 0.5, "step_cache": 0.9},
    "distilled steps": {"scheduler": DISTILLED},
    "distilled steps, step cache": {"scheduler": DISTILLED, "step_cache": 0.9},
}
LORAS: Final[Mapping[str, Mapping[str, Any]]] = {
    "no LoRA": {},
    "a LoRA": {"loras": (LoraDraft(name="any", strength=0.1),)},
    "a LoRA, later on": {"loras": (LoraDraft(name="any", strength=0.1),), "loras_from": 0.5},
}
#: Enough for every row to leave something out.
STEPS: Final = 6
#: The kernels for attention beside PyTorch's own. What differs between them is who computes.
KERNELS: Final = (Attention.CUDNN, Attention.FLASH, Attention.FLASH_3, Attention.SAGE)
#: The row that kernels are tried with.
FULLEST: Final = ("both", "a LoRA, later on")
_NOTES: Final = (
    "`pipeline.attention` these need a GPU: a worker without one says so, and its jobs wait",
    (
        "Tried with functions in their place that round as they do, in turn from column to column, with the row "
        f"“{'; '.join(FULLEST)}”: no GPU has run it"
    ),
)


def draft_of(row: Mapping[str, Any], loras: Mapping[str, Any]) -> GenerationDraft:
    """What a cell asks for."""
    return GenerationDraft(prompt="a red circle", steps=STEPS, **row, **loras)


def refusal(draft: GenerationDraft) -> str | None:
    """Why such a request is refused at submission; None where it is not."""
    spec = checkpoint_spec(DEFAULT_CHECKPOINT)
    loras = [(_any_lora(said.name), ("0",)) for said in draft.loras or ()]
    try:
        draft.complete(spec, drawn_seed=0, loras=loras)
    except InvalidRequest as error:
        return "; ".join(f"`{v.pointer[1:]}` {v.reason}" for v in error.violations)
    return None


def tables() -> str:
    """What presets cost, then what may be combined, as Markdown."""
    return "\n".join([*_costs(), "", *_combinations()]) + "\n"


def _costs() -> Iterator[str]:
    yield f"Measured: {MEASURED}."
    yield ""
    yield "| checkpoint, preset | forwards | denoising time | PSNR, worst | SSIM | right of n | exact | p |"
    yield "|---|---|---|---|---|---|---|---|"
    for cost in COSTS:
        yield (
            f"| `{cost.checkpoint}`, {cost.preset} | {cost.forwards:.0%} | {cost.seconds:.0%} | "
            f"{cost.psnr_db}, {cost.worst_psnr_db} dB | {cost.ssim} | {cost.right} of {cost.clips} | "
            f"{cost.right_exactly} | {cost.chance} |"
        )


def _combinations() -> Iterator[str]:
    reasons: list[str] = []
    yield f"| left out, LoRA | {' | '.join(PLACEMENTS)} |"
    yield "|---" * (1 + len(PLACEMENTS)) + "|"
    for told, row in SHORTCUTS.items():
        for worn, loras in LORAS.items():
            why = refusal(draft_of(row, loras))
            if why and why not in reasons:
                reasons.append(why)
            cell = f"refused ({reasons.index(why) + 1})" if why else "runs"
            yield f"| {told}; {worn} |" + f" {cell} |" * len(PLACEMENTS)
    yield ""
    yield from _attention(first_note=len(reasons) + 1)
    yield ""
    notes = [*reasons, *_NOTES]
    yield from (f"{number}. {note}." for number, note in enumerate(notes, start=1))


def _attention(first_note: int) -> Iterator[str]:
    yield f"| attention | {' | '.join(PLACEMENTS)} |"
    yield "|---" * (1 + len(PLACEMENTS)) + "|"
    yield "| `sdpa` |" + " runs |" * len(PLACEMENTS)
    cells = (
        f"refused ({first_note})" if placement.is_on_cpu else f"runs ({first_note + 1})"
        for placement in PLACEMENTS.values()
    )
    yield f"| {', '.join(f'`{kernel}`' for kernel in KERNELS)} | {' | '.join(cells)} |"


def _any_lora(name: str) -> Lora:
    file = LoraFile(
        path=Path(name),
        size_bytes=0,
        experts=tuple(Expert),
        ranks=(4,),
        alphas=(),
        widths=(160,),  # the miniatures'
        tensors=2,
        unknown=(),
        numbers={},
    )
    return Lora(name=name, files=(file,))
