"""Predicted against measured: the peak of resident memory and the seconds, on a mid-size random Wan.

    python benchmarks/plan.py [--runs 4] [--size 128x128] [--frames 9] [--steps 2]
    python benchmarks/plan.py --mini [--runs 6]

Builds a one-expert Wan in the real layout from random weights (a transformer of 0.15 G parameters, a small
UMT5, the real VAE 2.1), runs it on the CPU through the worker's own path, each run with what the runs
before it measured as its history. The first prediction rests on the formulas alone.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

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
from domain.rendering import RenderOrder, RenderProgress, RunMeasured
from domain.run_record import Measured, PastRun

MIB = 2**20
EMBEDDED = Path(adapters.embedded.__path__[0])
TOKENIZER = EMBEDDED / "mini" / "tokenizer"
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


class Worker:
    """What a worker process does, in this one."""

    def __init__(self, folder: Path) -> None:
        self.catalog = FilesystemCheckpointCatalog([folder, EMBEDDED])
        clock, pipeline = SystemClock(), DiffusersVideoPipeline()
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
    parser.add_argument("--runs", type=int, default=4)
    parser.add_argument("--build", type=Path, help="Only build the checkpoint there.")
    parser.add_argument("--mini", action="store_true", help="Run the embedded checkpoint.")
    parser.add_argument("--size", default="128x128")
    parser.add_argument("--frames", type=int, default=9)
    parser.add_argument("--steps", type=int, default=2)
    asked = parser.parse_args()
    if asked.build:
        build(asked.build)
        return
    draft = GenerationDraft(prompt="a red circle", negative_prompt="")
    if not asked.mini:
        width, height = map(int, asked.size.split("x"))
        draft = replace(
            draft, width=width, height=height, num_frames=asked.frames, steps=asked.steps
        )
    request = draft.complete(checkpoint_spec("mini") if asked.mini else SPEC, drawn_seed=0)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for sub in ("staging", "outputs", "images", "resume"):
            (folder / sub).mkdir()
        if not asked.mini:
            # Elsewhere: what building leaves behind is not a worker's.
            subprocess.run([sys.executable, __file__, "--build", name], check=True)
        worker = Worker(folder)
        host = NvmlHardwareProbe(folder).read().host
        capacity = Capacity(accelerator_bytes=None, host_bytes=host.available_bytes)
        measure(worker, request, capacity, asked.runs)


def measure(worker: Worker, request: GenerationRequest, capacity: Capacity, runs: int) -> None:
    local = worker.catalog.find(request.checkpoint)
    history: list[PastRun] = []
    for number in range(runs):
        plan = plan_memory(request, local.spec, local, capacity, history)
        assert plan.placement is not None
        measured = worker.run(number, replace(request, seed=number), plan)
        print(json.dumps(_compared(plan, measured)), flush=True)
        history.insert(
            0,
            PastRun(
                placement=plan.placement,
                tokens=plan.tokens,
                forwards=plan.forwards,
                measured=measured,
            ),
        )


def _compared(plan: MemoryPlan, measured: Measured) -> dict[str, object]:
    assert plan.host_bytes is not None
    told: dict[str, object] = {"predicted_mib": plan.host_bytes // MIB}
    if measured.host_bytes is not None:
        told["measured_mib"] = measured.host_bytes // MIB
        told["memory_off"] = f"{plan.host_bytes / measured.host_bytes - 1:+.1%}"
    took = sum(measured.seconds.values())
    told["measured_s"] = round(took, 2)
    if plan.seconds is not None:
        predicted = sum(plan.seconds.values())
        told["predicted_s"] = round(predicted, 2)
        told["time_off"] = f"{predicted / took - 1:+.1%}"
    told["stages"] = {stage.value: round(took, 2) for stage, took in measured.seconds.items()}
    return told


if __name__ == "__main__":
    main()
