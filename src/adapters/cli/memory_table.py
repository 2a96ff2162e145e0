"""`docs/memory.md`: how each checkpoint is fitted into every usual card. `wan plan --table` prints it."""

from collections.abc import Iterator
from typing import Final

from application.estimate_generation import Imagined
from domain.checkpoint import CHECKPOINTS, CheckpointSpec
from domain.errors import DoesNotFit, InvalidRequest
from domain.hardware import Capacity
from domain.known_structures import STRUCTURES
from domain.memory_plan import MemoryPlan, plan_memory
from domain.placement import Place, Placement
from domain.sizes import gib
from domain.structure import Precision, Structure

#: GiB of the usual cards, taken to be free but for what a plan leaves to the driver.
CARDS: Final = (8, 12, 16, 24, 32, 48, 80, 141)
HOST_GIB: Final = 64
#: Widths and heights; the 5B's own 720p is 704 lines.
SIZES: Final = (((832, 480),), ((1280, 720), (1280, 704)))
_GIB: Final = 2**30

_EXPERTS: Final = {
    Place.RESIDENT: "resident",
    Place.VISITING: "swapped",
    Place.STREAMED: "streamed",
}
_ENCODER: Final = {
    Place.RESIDENT: "",
    Place.VISITING: "encoder visits",
    Place.HOST: "encoder on CPU",
}


def page() -> str:
    """The whole page."""
    return "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    yield "# What fits where"
    yield ""
    yield "Made by `wan plan --table`; a test compares. Nothing here was run on such a card: these are the"
    yield "plans that Wan Studio makes before a run, and `wan plan` explains each in sentences."
    yield ""
    yield "- **resident**: the experts stay on the card. **swapped**: one at a time, or only while it"
    yield "  denoises. **streamed**: block by block, copied while the blocks before are at work."
    yield "- *encoder visits*: the text encoder is there only while it reads the prompt; *on CPU*: it never is."
    yield "- *VAE visits*: likewise. *tiles*: the VAE decodes tiles, which is not quite the same picture."
    yield "  *int8*: weights are kept in 8 bits, which changes it a little. All else is exact. fp8 is used only"
    yield "  where it is asked for: `wan plan --preset fp8`."
    yield "- The figure is the predicted peak on the card. A plan leaves 25 % of the activations and 1 GiB free."
    yield "- All of a card's memory is taken to be free. One that shows a desktop, too, has less: `wan plan` asks yours."
    yield f"- Host memory: {HOST_GIB} GiB. Frames and guidance: each checkpoint's default. Text alone, but for"
    yield "  `i2v-A14B` (a first image) and `animate-14B` (a character, its poses and face; its image encoder, of"
    yield f"  {_looks()}, lies where the text encoder does). Weights are taken to be stored in bf16, the VAE's in fp32."
    yield ""
    yield from _weights()
    for spec in CHECKPOINTS:
        if spec.id in STRUCTURES:
            yield ""
            yield from _table(spec)


def _looks() -> str:
    return gib(STRUCTURES["animate-14B"].image_encoder_bytes(Precision.BF16))


def _weights() -> Iterator[str]:
    yield "## Weights"
    yield ""
    yield "| checkpoint | one expert, bf16 | int8 | fp8 | text encoder | VAE, fp32 | all, bf16 |"
    yield "|---|---|---|---|---|---|---|"
    for checkpoint_id, structure in STRUCTURES.items():
        yield _row(checkpoint_id, *_weight_cells(structure))


def _weight_cells(structure: Structure) -> Iterator[str]:
    expert = structure.transformer
    times = f"{structure.experts} x " if structure.experts > 1 else ""
    for precision in (Precision.BF16, Precision.INT8, Precision.FP8):
        yield times + gib(expert.weight_bytes(precision))
    yield gib(structure.text_encoder.weight_bytes(Precision.BF16))
    yield gib(structure.vae.weight_bytes)
    yield gib(structure.weight_bytes(Precision.BF16))


def _table(spec: CheckpointSpec) -> Iterator[str]:
    chosen = [_native(spec, among) for among in SIZES]
    sizes = [size for size in chosen if size is not None]
    yield f"## {spec.id}, {spec.defaults.num_frames} frames"
    yield ""
    yield _row("card", *(f"{width}x{height}" for width, height in sizes))
    yield "|---" * (len(sizes) + 1) + "|"
    for card in CARDS:
        yield _row(f"{card} GB", *(_cell(spec, size, card) for size in sizes))


def _native(spec: CheckpointSpec, among: tuple[tuple[int, int], ...]) -> tuple[int, int] | None:
    """The first that the checkpoint takes."""
    for width, height in among:
        try:
            Imagined(width=width, height=height).request(spec)
        except InvalidRequest:
            continue
        return width, height
    return None


def _cell(spec: CheckpointSpec, size: tuple[int, int], card: int) -> str:
    request = Imagined(width=size[0], height=size[1]).request(spec)
    capacity = Capacity(accelerator_bytes=card * _GIB, host_bytes=HOST_GIB * _GIB)
    try:
        return _words(plan_memory(request, spec, None, capacity))
    except DoesNotFit as refused:
        _, _, would = refused.message.partition("It would fit as ")
        return f"no: {would.rstrip('.')}" if would else "no"


def _words(plan: MemoryPlan) -> str:
    assert plan.placement is not None, "planned by a known structure"
    assert plan.accelerator_bytes is not None, "on a card"
    return ", ".join([*_placed(plan.placement), gib(plan.accelerator_bytes)])


def _placed(placement: Placement) -> Iterator[str]:
    yield f"**{_EXPERTS[placement.experts]}**"
    if words := _ENCODER[placement.text_encoder]:
        yield words
    if placement.vae is Place.VISITING:
        yield "VAE visits"
    if placement.is_tiled:
        yield "tiles"
    if placement.precision is Precision.INT8:
        yield "int8"


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"
