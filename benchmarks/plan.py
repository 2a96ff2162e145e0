"""Predicted against measured: the peak of resident memory and the seconds, on a mid-size random Wan.

    python benchmarks/plan.py [--rounds 6] [--kinds 128x128x9,192x128x5] [--steps 2] [--wall]
    python benchmarks/plan.py --mini [--rounds 8]

Builds a one-expert Wan in the real layout from random weights (a transformer of 0.15 G parameters, a small
UMT5, the real VAE 2.1), runs it on the CPU through the worker's own path, one kind after the other in every
round, each run with what the runs of its kind before it measured as its history. The first prediction rests
on the formulas alone; the time is judged from the fourth run of a kind on, by the median over the rounds.

Seconds are those of the processor, on one thread, so that what else the machine does is not measured, too;
`--wall` takes the clock on the wall, which is what a plan is told by, and needs a quiet machine.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any

import torch
from diffusers import AutoencoderKLWan, UniPCMultistepScheduler, WanPipeline, WanTransformer3DModel
from transformers import AutoTokenizer, UMT5Config, UMT5EncoderModel
from transformers.utils import logging as transformers_logging

import adapters.embedded
from adapters.diffusers.video_pipeline import DiffusersVideoPipeline
from adapters.filesystem.artifact_store import FilesystemArtifactStore
from adapters.filesystem.checkpoint_catalog import FilesystemCheckpointCatalog
from adapters.filesystem.image_store import FilesystemImageStore
from adapters.filesystem.resume_store import FilesystemResumeStore
from adapters.hardware.energy_meter import NvmlEnergyMeter
from adapters.hardware.memory_meter import ProcMemoryMeter
from adapters.hardware.probe import NvmlHardwareProbe
from adapters.pyav.video_encoder import PyAvVideoEncoder
from adapters.system.clock import SystemClock
from application.measure_run import MeasureRun
from application.render_video import RenderVideo
from application.resume_points import KeepResumePoints
from domain.checkpoint import checkpoint_spec
from domain.generation import GenerationDraft, GenerationRequest
from domain.hardware import Capacity
from domain.memory_plan import MemoryPlan, plan_memory
from domain.ports.clock import Clock
from domain.rendering import RenderOrder, RenderProgress, RunMeasured
from domain.run_record import Measured, PastRun, run_kind

MIB = 2**20
EMBEDDED = Path(adapters.embedded.__path__[0])
TOKENIZER = EMBEDDED / "mini" / "tokenizer"
#: A plan's time is to be believed once there are three runs of its kind.
JUDGED_FROM = 3
#: One run, predicted and measured.
Row = dict[str, Any]
#: Whose rules the random structure goes by: one expert, text alone.
SPEC = checkpoint_spec("t2v-1.3B")


def build(folder: Path) -> None:
    """A checkpoint of that layout in `folder`."""
    torch.manual_seed(0)
    transformers_logging.disable_progress_bar()
    tokenizer = AutoTokenizer.from_pretrained(TOKENIZER)
    text_encoder = UMT5EncoderModel(
        UMT5Config(
            d_model=512, d_kv=64, d_ff=1024, num_layers=8, num_heads=16,
            vocab_size=tokenizer.vocab_size, feed_forward_proj="gated-gelu",
        )
    )  # fmt: skip
    transformer = WanTransformer3DModel(
        num_layers=8, num_attention_heads=8, attention_head_dim=128, ffn_dim=4096, text_dim=512,
        in_channels=16, out_channels=16,
    )  # fmt: skip
    pipe = WanPipeline(
        tokenizer=tokenizer,
        text_encoder=text_encoder.eval(),
        transformer=transformer.eval(),
        vae=AutoencoderKLWan().eval(),
        scheduler=UniPCMultistepScheduler(
            prediction_type="flow_prediction", use_flow_sigmas=True, flow_shift=8.0
        ),
    )
    pipe.save_pretrained(folder / SPEC.id)


class CpuClock(SystemClock):
    """Seconds that this process has computed."""

    def monotonic(self) -> float:
        return time.process_time()


class Worker:
    """What a worker process does, in this one."""

    def __init__(self, folder: Path, clock: Clock) -> None:
        self.catalog = FilesystemCheckpointCatalog([folder, EMBEDDED])
        pipeline = DiffusersVideoPipeline()
        render = RenderVideo(
            self.catalog,
            pipeline,
            PyAvVideoEncoder(),
            FilesystemArtifactStore(staging=folder / "staging", outputs=folder / "outputs"),
            FilesystemImageStore(folder / "images"),
            KeepResumePoints(FilesystemResumeStore(folder / "resume"), clock),
            version="benchmark",
        )
        self._measure = MeasureRun(render, pipeline, ProcMemoryMeter(), NvmlEnergyMeter(""), clock)

    def run(self, number: int, request: GenerationRequest, plan: MemoryPlan) -> Measured:
        measured: list[Measured] = []

        def report(progress: RenderProgress) -> None:
            if isinstance(progress, RunMeasured):
                measured.append(progress.measured)

        order = RenderOrder(
            job_id=f"gen_{number}", fence=1, request=request, placement=plan.placement
        )
        self._measure.execute(order, report)
        return measured[0]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--build", type=Path, help="Only build the checkpoint there.")
    parser.add_argument("--mini", action="store_true", help="Run the embedded checkpoint.")
    parser.add_argument("--kinds", help="Width x height x frames, with commas between.")
    parser.add_argument("--steps", type=int)
    parser.add_argument("--wall", action="store_true", help="Measure by the clock on the wall.")
    asked = parser.parse_args()
    if asked.build:
        build(asked.build)
        return
    if not asked.wall:
        torch.set_num_threads(1)
    kinds = asked.kinds or ("128x128x17,128x128x9" if asked.mini else "128x128x9,192x128x5")
    steps = asked.steps or (None if asked.mini else 2)
    requests = [_request(kind, steps, is_mini=asked.mini) for kind in kinds.split(",")]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for sub in ("staging", "outputs", "images", "resume"):
            (folder / sub).mkdir()
        if not asked.mini:
            # Elsewhere: what building leaves behind is not a worker's.
            subprocess.run([sys.executable, __file__, "--build", name], check=True)
        worker = Worker(folder, SystemClock() if asked.wall else CpuClock())
        host = NvmlHardwareProbe(folder).read().host
        capacity = Capacity(accelerator_bytes=None, host_bytes=host.available_bytes)
        measure(worker, requests, capacity, asked.rounds)


def _request(kind: str, steps: int | None, *, is_mini: bool) -> GenerationRequest:
    width, height, num_frames = map(int, kind.split("x"))
    draft = GenerationDraft(
        prompt="a red circle",
        negative_prompt="",
        width=width,
        height=height,
        num_frames=num_frames,
        steps=steps,
    )
    return draft.complete(checkpoint_spec("mini") if is_mini else SPEC, drawn_seed=0)


def measure(
    worker: Worker, requests: Sequence[GenerationRequest], capacity: Capacity, rounds: int
) -> None:
    local = worker.catalog.find(requests[0].checkpoint)
    histories: list[list[PastRun]] = [[] for _ in requests]
    seen: list[list[Row]] = [[] for _ in requests]
    for number in range(rounds):
        for request, history, rows in zip(requests, histories, seen, strict=True):
            plan = plan_memory(request, local.spec, local, capacity, history)
            assert plan.placement is not None
            measured = worker.run(number, replace(request, seed=number), plan)
            rows.append(_compared(plan, measured))
            print(json.dumps({"kind": run_kind(request), "run": number + 1} | rows[-1]), flush=True)
            history.insert(
                0,
                PastRun(
                    placement=plan.placement,
                    forwards=plan.forwards,
                    tokens=plan.tokens,
                    measured=measured,
                ),
            )
    for request, rows in zip(requests, seen, strict=True):
        print(f"{run_kind(request)}: {_summary(rows)}")


def _summary(rows: Sequence[Row]) -> str:
    """How far the predictions were off; a run that was predicted less than it took is below 0."""
    told = [f"memory by the formulas {rows[0]['memory_off']:+.1%}"]
    for name, first in (("memory", 1), ("time", JUDGED_FROM)):
        offs = [off for row in rows[first:] if (off := row.get(f"{name}_off")) is not None]
        if offs:
            worst = max(offs, key=abs)
            told.append(
                f"{name} from run {first + 1} on {median(offs):+.1%} (median of {len(offs)}; "
                f"worst {worst:+.1%})"
            )
    return ", ".join(told)


def _compared(plan: MemoryPlan, measured: Measured) -> Row:
    assert plan.host_bytes is not None
    told: Row = {"predicted_mib": plan.host_bytes // MIB}
    if measured.host_bytes is not None:
        told["measured_mib"] = measured.host_bytes // MIB
        told["memory_off"] = round(plan.host_bytes / measured.host_bytes - 1, 3)
    took = sum(measured.seconds.values())
    told["measured_s"] = round(took, 2)
    if plan.seconds is not None:
        predicted = sum(plan.seconds.values())
        told["predicted_s"] = round(predicted, 2)
        told["time_off"] = round(predicted / took - 1, 3)
    told["stages"] = {stage.value: round(took, 2) for stage, took in measured.seconds.items()}
    return told


if __name__ == "__main__":
    main()
