"""What every stage of `benchmarks/gpu.py` works with: the checkpoints, the sizes, the device, and a plan."""

from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import torch

from adapters.diffusers.video_pipeline import DiffusersVideoPipeline
from benchmarks.on_gpu.random_wan import RandomWan, RandomWeights, full_size, tiny
from domain.checkpoint import CheckpointSpec
from domain.demand import CONTEXT_BYTES, GIB, Demand, demand
from domain.generation import GenerationDraft, GenerationRequest
from domain.hardware import Capacity
from domain.memory_plan import MemoryPlan, plan_memory, work_of
from domain.placement import Place, Placement
from domain.run import Run
from domain.structure import Precision, TransformerStructure

#: Dense bf16 FLOP a second, by what the name of the chip holds, from its maker's data sheet.
PEAKS: Final[Mapping[str, float]] = {
    "B200": 2250e12,
    "H200": 989e12,
    "GH200": 989e12,
    "H100 PCIe": 756e12,
    "H100 NVL": 835e12,
    "H100": 989e12,
    "A100": 312e12,
    "L40S": 362e12,
    "RTX 5090": 209.5e12,
    "RTX 4090": 165.2e12,
    "RTX 3090": 71e12,
}
_TEXT_TOKENS: Final = 512

#: A row of a table: what was measured, by the name of its column.
Row = dict[str, Any]


@dataclass(frozen=True)
class Case:
    """One kind of video."""

    checkpoint: str
    width: int
    height: int
    num_frames: int

    @property
    def told(self) -> Row:
        size = f"{self.width}x{self.height}x{self.num_frames}"
        return {"checkpoint": self.checkpoint, "size": size}


@dataclass(frozen=True)
class Scale:
    """How much is done.

    Attributes:
        made: denoising steps that are really made where more are asked about; None for all of them.
        caps: GiB that the card is imitated to have.
        compiler: of `torch.compile`.
        forwards: of a bare transformer, timed.
        cancels: how many.
    """

    name: str
    wans: Mapping[str, RandomWan]
    small: Case
    large: Case
    other: Case
    made: int | None
    caps: tuple[float, ...]
    compiler: str = "inductor"
    forwards: int = 3
    cancels: int = 5


def scale(name: str) -> Scale:
    """`quick`, `full`, or `tiny`: the same on networks of a few thousand numbers."""
    if name == "tiny":
        wans = {it: tiny(it) for it in ("t2v-A14B", "ti2v-5B")}
        small, large = Case("t2v-A14B", 32, 32, 5), Case("t2v-A14B", 48, 32, 5)
        return Scale(
            name=name,
            wans=wans,
            small=small,
            large=large,
            other=Case("ti2v-5B", 64, 32, 5),
            made=2,
            caps=(1.5, 24),
            compiler="eager",
            forwards=1,
            cancels=1,
        )
    is_quick = name == "quick"
    return Scale(
        name=name,
        wans={it: full_size(it) for it in ("t2v-A14B", "ti2v-5B")},
        small=Case("t2v-A14B", 832, 480, 81),
        large=Case("t2v-A14B", 1280, 720, 81),
        other=Case("ti2v-5B", 1280, 704, 121),
        made=2 if is_quick else None,
        caps=(16, 24, 48) if is_quick else (12, 16, 24, 48, 80),
        forwards=2 if is_quick else 5,
        cancels=2 if is_quick else 20,
    )


class Bench:
    """The device and what runs on it."""

    def __init__(self, scale: Scale) -> None:
        """Takes the first GPU; without one the CPU stands for it, which only `tiny` is good for."""
        self.scale = scale
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.weights = RandomWeights(*scale.wans.values())
        # Read once: what earlier rows leave in caches is there for the next ones.
        self._host_bytes = _host_bytes()

    @contextmanager
    def pipeline(self) -> Iterator[DiffusersVideoPipeline]:
        with closing(DiffusersVideoPipeline(self.device, load=self.weights.load)) as pipeline:
            yield pipeline

    def request(self, case: Case, *, steps: int, guidance: float) -> GenerationRequest:
        draft = GenerationDraft(
            prompt="a red circle moving right on a blue background",
            checkpoint=case.checkpoint,
            width=case.width,
            height=case.height,
            num_frames=case.num_frames,
            steps=steps,
            guidance_high_noise=guidance,
            guidance_low_noise=guidance,
        )
        return draft.complete(self._spec(case), drawn_seed=0)

    def run(self, request: GenerationRequest, placement: Placement, **more: Any) -> Run:
        checkpoint = self.scale.wans[request.checkpoint].checkpoint
        return Run(request=request, checkpoint=checkpoint, placement=placement, **more)

    def plan(self, request: GenerationRequest, cap_bytes: int | None = None) -> MemoryPlan:
        """Into what is free, or into so much; with the host memory that there was at first."""
        checkpoint = self.scale.wans[request.checkpoint].checkpoint
        capacity = Capacity(
            accelerator_bytes=cap_bytes or self.free_bytes(), host_bytes=self._host_bytes
        )
        return plan_memory(request, checkpoint.spec, checkpoint, capacity)

    def demand(self, request: GenerationRequest, placement: Placement) -> Demand:
        checkpoint = self.scale.wans[request.checkpoint].checkpoint
        structure = self.scale.wans[request.checkpoint].structure
        return demand(work_of(request, checkpoint.spec, structure, checkpoint), placement)

    def free_bytes(self) -> int:
        """Of the card, before anything is on it; what stands for one has enough."""
        if self.device.type != "cuda":
            return 80 * GIB
        return int(torch.cuda.mem_get_info()[0])

    @contextmanager
    def capped(self, cap_bytes: int) -> Iterator[None]:
        """As if the card had no more: the driver's context is not the allocator's."""
        if self.device.type != "cuda":
            yield
            return
        total = torch.cuda.mem_get_info()[1]
        torch.cuda.empty_cache()
        torch.cuda.set_per_process_memory_fraction(min(1.0, (cap_bytes - CONTEXT_BYTES) / total))
        try:
            yield
        finally:
            torch.cuda.set_per_process_memory_fraction(1.0)

    def forward_flop(self, case: Case) -> float:
        """Of one forward, counted from the layers of `WanTransformerBlock`: 2 for a product and its sum.

        Self attention has four square matrices and two products of tokens by tokens; cross attention
        two (the text's are made once a run) and two products of tokens by text; the feed-forward layer two.
        """
        it: TransformerStructure = self.scale.wans[case.checkpoint].structure.transformer
        tokens = self.tokens(case)
        matrices = 2 * tokens * (6 * it.width**2 + 2 * it.width * it.ffn_width)
        attention = 4 * tokens**2 * it.width + 4 * _TEXT_TOKENS * tokens * it.width
        return float(it.layers * (matrices + attention))

    def tokens(self, case: Case) -> int:
        size = {"num_frames": case.num_frames, "height": case.height, "width": case.width}
        return self._spec(case).geometry.tokens(**size)

    def share_of_peak(self, flop: float, seconds: float) -> str | None:
        """None for a chip whose peak is not known here."""
        if self.device.type != "cuda":
            return None
        name = torch.cuda.get_device_name()
        peak = next((peak for chip, peak in PEAKS.items() if chip in name), None)
        return None if peak is None else f"{flop / seconds / peak:.0%}"

    def _spec(self, case: Case) -> CheckpointSpec:
        return self.scale.wans[case.checkpoint].checkpoint.spec


def words(placement: Placement) -> str:
    """Such as `streamed, encoder visits, tiles, int8`."""
    told = [placement.experts.value + (", pinned" if placement.is_pinned else "")]
    if placement.text_encoder is not Place.RESIDENT:
        told.append(f"encoder {placement.text_encoder.value}")
    if placement.vae is not Place.RESIDENT:
        told.append(f"VAE {placement.vae.value}")
    if placement.is_tiled:
        told.append("tiles")
    if placement.precision is not Precision.BF16:
        told.append(placement.precision.value)
    return ", ".join(told)


def in_gib(size: int | None) -> float | None:
    return None if size is None else round(size / GIB, 2)


def off(predicted: int | None, measured: int | None) -> str | None:
    """How far a prediction lies above what was measured."""
    return f"{predicted / measured - 1:+.1%}" if predicted and measured else None


def _host_bytes() -> int:
    with Path("/proc/meminfo").open() as told:
        kibibytes = next(line.split()[1] for line in told if line.startswith("MemAvailable"))
    return int(kibibytes) * 2**10
