"""The stages of `benchmarks/gpu.py`: each yields its rows as it goes, and runs in a process of its own."""

import random
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from typing import Any, Final

import torch
from diffusers.models.attention_dispatch import AttentionBackendName

from adapters.diffusers.cast_blocks import cast_blocks
from adapters.diffusers.compiling import compiled_blocks
from adapters.diffusers.fp8_weights import AFTERWARDS, BY_ROWS, Fp8Linear, Product, by_rows
from adapters.diffusers.video_pipeline import DiffusersVideoPipeline
from benchmarks.on_gpu.bench import Bench, Case, Row, in_gib, off, words
from benchmarks.on_gpu.watch import Watched, allocated_bytes, synchronize, watch
from domain.demand import GIB
from domain.errors import DoesNotFit, OutOfAcceleratorMemory, RenderCancelled
from domain.placement import ALL_RESIDENT, Place, Placement
from domain.progress import Stage
from domain.rendering import RenderProgress, StageEntered, StepFinished
from domain.structure import Precision
from tests.fakes.resume_points import FakeResumePoints

_GUIDANCE: Final = 4.0
_VISITING: Final = replace(
    ALL_RESIDENT, experts=Place.VISITING, text_encoder=Place.VISITING, vae=Place.VISITING
)
#: The same picture, to the bit, except in 8 bits. The pinned one is last: only it may fill the host's memory.
_PLACEMENTS: Final = (
    ALL_RESIDENT,
    _VISITING,
    replace(_VISITING, experts=Place.STREAMED),
    replace(ALL_RESIDENT, precision=Precision.INT8),
    replace(ALL_RESIDENT, precision=Precision.FP8),
    replace(_VISITING, experts=Place.STREAMED, is_pinned=True),
)
#: Those that need no network and hold no whole matrix of scores; "native" first: the others are compared
#: with it.
_BACKENDS: Final = (
    AttentionBackendName.NATIVE,
    *(
        it
        for it in AttentionBackendName
        if it is not AttentionBackendName.NATIVE
        and not it.value.endswith("_hub")
        and not it.value.endswith(("_npu", "_xla", "_math", "varlen", "flex"))
    ),
)
#: Hopper's own sums, of some 14 bits, which no run uses.
_QUICK_SUMS: Final = Product("by rows, quick sums", partial(by_rows, use_fast_accum=True))
#: The steps of the shortest run that both experts work in.
_SHORT: Final = 4


def speed(bench: Bench) -> Iterator[Row]:
    """Seconds of each stage and step, the whole card free; then a second job of the same kind."""
    yield from _speed(bench, bench.scale.small, bench.scale.large)


def speed_5b(bench: Bench) -> Iterator[Row]:
    """The same of the 5B."""
    yield from _speed(bench, bench.scale.other)


def _speed(bench: Bench, *cases: Case) -> Iterator[Row]:
    """Of several cases of one checkpoint, which is loaded once where it can lie the same for all."""
    free = bench.free_bytes()
    with bench.pipeline() as pipeline:
        for case in cases:
            whole = bench.scale.wans[case.checkpoint].checkpoint.spec.defaults.steps
            longest = bench.request(case, steps=whole, guidance=_GUIDANCE)
            placement = bench.plan(longest, free).placement
            assert placement is not None, "its structure is known"
            yield from _speed_of(bench, case, pipeline, placement, whole)


def _speed_of(
    bench: Bench, case: Case, pipeline: DiffusersVideoPipeline, placement: Placement, whole: int
) -> Iterator[Row]:
    for steps, guidance in ((whole, _GUIDANCE), (_SHORT, 1.0)):
        made = min(steps, bench.scale.made or steps)
        request = bench.request(case, steps=made, guidance=guidance)
        watched = watch(pipeline, bench.run(request, placement))
        yield {
            **case.told,
            "placed": words(placement),
            **_seconds(bench, case, watched, steps=steps, forwards=2 if guidance > 1 else 1),
            **_memory(bench.demand(request, placement).accelerator_bytes, watched),
        }
    before = allocated_bytes()
    again = watch(pipeline, bench.run(request, placement))
    yield {
        **case.told,
        "what": "a second job of the same kind",
        "asked to first step begun, s": _rounded(again.entered[Stage.DENOISING]),
        "allocated before and after, GiB": [in_gib(before), in_gib(allocated_bytes())],
        "the same frames": again.sha256 == watched.sha256,
    }


def caps(bench: Bench) -> Iterator[Row]:
    """What is planned for a card of so many GiB, on one that is held to that."""
    case = bench.scale.small
    request = bench.request(case, steps=2, guidance=1.0)
    for cap in bench.scale.caps:
        told: Row = {**case.told, "card, GiB": cap}
        try:
            plan = bench.plan(request, int(cap * GIB))
        except DoesNotFit as refused:
            yield told | {"placed": f"refused: {refused.message}"}
            continue
        assert plan.placement is not None, "its structure is known"
        told["placed"] = words(plan.placement)
        with bench.pipeline() as pipeline, bench.capped(int(cap * GIB)):
            try:
                watched = watch(pipeline, bench.run(request, plan.placement))
            except OutOfAcceleratorMemory:
                yield told | {"planned, GiB": in_gib(plan.accelerator_bytes), "fits": False}
                continue
            yield {
                **told,
                "step, s": _rounded(watched.step_s),
                **_memory(plan.accelerator_bytes, watched),
                "fits": True,
            }


def placements(bench: Bench) -> Iterator[Row]:
    """Each level of offload, int8 and fp8: what a step takes, and whether it is the same video."""
    case = bench.scale.small
    request = bench.request(case, steps=2, guidance=1.0)
    exact: str | None = None
    for placement in _PLACEMENTS:
        told: Row = {**case.told, "placed": words(placement)}
        with bench.pipeline() as pipeline:
            try:
                watched = watch(pipeline, bench.run(request, placement))
            except OutOfAcceleratorMemory:
                yield told | {"fits": False}
                continue
            exact = exact or watched.sha256
            yield {
                **told,
                "load, s": _rounded(watched.loading_s),
                "step, s": _rounded(watched.step_s),
                **_memory(bench.demand(request, placement).accelerator_bytes, watched),
                "the same frames": watched.sha256 == exact,
            }


def attention(bench: Bench) -> Iterator[Row]:
    """One forward by each attention backend there is."""
    case, forward, expert = _bare(bench)
    exact: torch.Tensor | None = None
    for backend in _BACKENDS:
        try:
            expert.set_attention_backend(backend.value)
            seconds, result = _timed(bench, forward)
        except (RuntimeError, ValueError, ImportError, TypeError, NotImplementedError) as error:
            yield {"backend": backend.value, "absent": str(error).partition("\n")[0][:100]}
            continue
        finally:
            expert.reset_attention_backend()
        exact = result if exact is None else exact
        yield {
            "backend": backend.value,
            **_forward(bench, case, seconds),
            **_differs(result, exact),
        }


def compiled(bench: Bench) -> Iterator[Row]:
    """One forward as it is, and with its blocks compiled as in a run."""
    case, forward, expert = _bare(bench)
    seconds, exact = _timed(bench, forward)
    yield {"what": "as it is", **_forward(bench, case, seconds)}
    with compiled_blocks([expert], bench.scale.compiler):
        began = time.perf_counter()
        forward()
        synchronize()
        first = time.perf_counter() - began
        seconds, result = _timed(bench, forward)
    yield {
        "what": "compiled",
        "first, s": _rounded(first),
        **_forward(bench, case, seconds),
        **_differs(result, exact),
    }


def fp8(bench: Bench) -> Iterator[Row]:
    """One forward with products in bf16, then with each way to those in fp8; then that compiled."""
    case, forward, expert = _bare(bench)
    seconds, exact = _timed(bench, forward)
    yield {"products": "bf16", **_forward(bench, case, seconds)}
    cast_blocks(expert.blocks, partial(Fp8Linear, device=bench.device, product=BY_ROWS))
    layers: list[Any] = [it for it in expert.blocks.modules() if isinstance(it, Fp8Linear)]
    for product in (AFTERWARDS, _QUICK_SUMS, BY_ROWS):
        for layer in layers:
            layer.product = product
        yield _fp8(bench, f"fp8, scales {product.name}", case, forward, exact)
    with compiled_blocks([expert], bench.scale.compiler):
        yield _fp8(bench, f"fp8, scales {BY_ROWS.name}, compiled", case, forward, exact)


def _fp8(
    bench: Bench, told: str, case: Case, forward: Callable[[], torch.Tensor], exact: torch.Tensor
) -> Row:
    try:
        seconds, result = _timed(bench, forward)
    except (RuntimeError, ValueError, NotImplementedError) as error:
        return {"products": told, "absent": str(error).partition("\n")[0][:100]}
    return {"products": told, **_forward(bench, case, seconds), **_differs(result, exact)}


def cancel(bench: Bench) -> Iterator[Row]:
    """From asking, at a random moment of denoising, until the run has ended and the GPU is idle."""
    case, chance = bench.scale.large, random.Random(0)
    request = bench.request(case, steps=2, guidance=1.0)
    latencies = []
    with bench.pipeline() as pipeline:
        placement = bench.plan(request).placement
        assert placement is not None, "its structure is known"
        run = bench.run(request, placement)
        step_s = watch(pipeline, run).step_s
        for _ in range(bench.scale.cancels):
            due = [float("inf")]

            def ask(progress: RenderProgress, due: list[float] = due) -> None:
                if isinstance(progress, StageEntered) and progress.stage is Stage.DENOISING:
                    due[0] = time.perf_counter() + chance.uniform(0.05, 0.95) * step_s
                if time.perf_counter() >= due[0]:
                    raise RenderCancelled

            try:
                watch(pipeline, run, report=ask)
            except RenderCancelled:
                synchronize()
                latencies.append(time.perf_counter() - due[0])
    yield {
        **case.told,
        "cancels": len(latencies),
        "a step, s": _rounded(step_s),
        "median, s": _rounded(sorted(latencies)[len(latencies) // 2]),
        "worst, s": _rounded(max(latencies)),
    }


def resume(bench: Bench) -> Iterator[Row]:
    """A run that goes on after half of its steps, against the unbroken one."""
    for case in (bench.scale.small, bench.scale.other):
        request = bench.request(case, steps=_SHORT, guidance=_GUIDANCE)
        points, gone_on = FakeResumePoints(due=(_SHORT // 2,)), 0

        def count(progress: RenderProgress) -> None:
            nonlocal gone_on
            gone_on += isinstance(progress, StepFinished)

        with bench.pipeline() as pipeline:
            placement = bench.plan(request).placement
            assert placement is not None, "its structure is known"
            run = bench.run(request, placement)
            unbroken = watch(pipeline, run, resume=points)
            saved = FakeResumePoints(points.points[_SHORT // 2])
            resumed = watch(pipeline, run, resume=saved, report=count)
        yield {
            **case.told,
            "placed": words(placement),
            "steps": _SHORT,
            "steps made again": gone_on - _SHORT // 2,
            "the same frames": resumed.sha256 == unbroken.sha256,
        }


def out_of_memory(bench: Bench) -> Iterator[Row]:
    """Whole pictures on a card that is too small for them: the first attempt of the ladder."""
    yield _on_a_small_card(bench, in_tiles=False)


def out_of_memory_again(bench: Bench) -> Iterator[Row]:
    """The second attempt, in this fresh process: in tiles."""
    yield _on_a_small_card(bench, in_tiles=True)


def _on_a_small_card(bench: Bench, *, in_tiles: bool) -> Row:
    case = bench.scale.other
    request = bench.request(case, steps=2, guidance=1.0)
    whole = bench.demand(request, _VISITING)
    tiled = bench.demand(request, replace(_VISITING, is_tiled=True))
    # Between what both need, beyond what the allocator may be out by; the context is `capped`'s.
    cap = (tiled.accelerator_needed + whole.accelerator_bytes) // 2
    told: Row = {**case.told, "card, GiB": in_gib(cap), "in tiles": in_tiles}
    if bench.device.type != "cuda":
        told["card, GiB"] = "no GPU: nothing is held back"
    with bench.pipeline() as pipeline, bench.capped(cap):
        try:
            watched = watch(pipeline, bench.run(request, _VISITING, in_tiles=in_tiles))
        except OutOfAcceleratorMemory as error:
            return told | {"ended": error.code}
        return told | {"ended": "a video", "peak, GiB": in_gib(watched.allocated)}


def _bare(bench: Bench) -> tuple[Case, Callable[[], torch.Tensor], Any]:
    """One expert in bf16 on the device, and a forward of it at the smaller size."""
    case = bench.scale.small
    wan = bench.scale.wans[case.checkpoint]
    expert = bench.weights.transformer(wan, torch.bfloat16, bench.device)
    size = {"num_frames": case.num_frames, "height": case.height, "width": case.width}
    shape = (1, *wan.checkpoint.spec.geometry.latent_shape(**size))
    chance = torch.Generator().manual_seed(1)
    latents = torch.randn(shape, generator=chance).to(bench.device, torch.bfloat16)
    text = torch.randn(1, 512, wan.structure.transformer.text_width, generator=chance)
    text = text.to(bench.device, torch.bfloat16)
    timestep = torch.full((1,), 500.0, device=bench.device)

    @torch.no_grad()
    def forward() -> torch.Tensor:
        result: torch.Tensor = expert(latents, timestep, text, return_dict=False)[0]
        return result

    return case, forward, expert


def _timed(bench: Bench, forward: Callable[[], torch.Tensor]) -> tuple[float, torch.Tensor]:
    """Seconds of one, after one that warms up, and what it gives."""
    result = forward()
    synchronize()
    began = time.perf_counter()
    for _ in range(bench.scale.forwards):
        result = forward()
    synchronize()
    return (time.perf_counter() - began) / bench.scale.forwards, result


def _forward(bench: Bench, case: Case, seconds: float) -> Row:
    share = bench.share_of_peak(bench.forward_flop(case), seconds)
    return {"a forward, s": _rounded(seconds), "of the chip's bf16 peak": share}


def _differs(result: torch.Tensor, exact: torch.Tensor) -> Row:
    """Of the largest number, so that 0.004 is one rounding of bf16."""
    most = (result.float() - exact.float()).abs().max() / exact.float().abs().max()
    return {"differs by": f"{most.item():.2g}"}


def _seconds(
    bench: Bench, case: Case, watched: Watched, *, steps: int, forwards: int
) -> Mapping[str, Any]:
    flop = forwards * bench.forward_flop(case)
    return {
        "steps": steps,
        "of them made": len(watched.steps),
        "forwards a step": forwards,
        "load, s": _rounded(watched.loading_s),
        "encode, s": _rounded(watched.encoding_s),
        "a step, s": _rounded(watched.step_s),
        "denoise, s": _rounded(steps * watched.step_s),
        "decode, s": _rounded(watched.decoding_s),
        "all, loaded, s": _rounded(watched.total_s(steps)),
        "PFLOP a step": _rounded(flop / 1e15),
        "of the chip's bf16 peak": bench.share_of_peak(flop, watched.step_s),
    }


def _memory(planned: int | None, watched: Watched) -> Mapping[str, Any]:
    return {
        "planned, GiB": in_gib(planned),
        "allocated, GiB": in_gib(watched.allocated),
        "reserved, GiB": in_gib(watched.reserved),
        "plan off by": off(planned, watched.allocated),
    }


def _rounded(value: float) -> float:
    return float(f"{value:.3g}")


#: By name, in the order in which they run: what is known least of, for its time, comes first.
STAGES: Final[Mapping[str, Callable[[Bench], Iterator[Row]]]] = {
    "speed": speed,
    "attention": attention,
    "fp8": fp8,
    "speed-5b": speed_5b,
    "cancel": cancel,
    "resume": resume,
    "compile": compiled,
    "caps": caps,
    "placements": placements,
    "out-of-memory": out_of_memory,
    "out-of-memory-again": out_of_memory_again,
}
