"""Our latents and frames against those of the stock pipelines, bit for bit, on random structures.

Each structure is a Wan in small: A14B's two experts, 1.3B's one network, TI2V-5B's expanded timesteps,
I2V-A14B's 36 channels.
"""

import copy
import functools
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import (
    AutoencoderKLWan,
    DPMSolverMultistepScheduler,
    FlowMatchEulerDiscreteScheduler,
    UniPCMultistepScheduler,
    WanImageToVideoPipeline,
    WanPipeline,
    WanTransformer3DModel,
)
from PIL import Image
from transformers import AutoTokenizer, UMT5Config, UMT5EncoderModel

import adapters.embedded
from adapters.diffusers.broken_latents import refuse_broken
from adapters.diffusers.denoising import denoise
from adapters.diffusers.prompts import MAX_TOKENS, Prompts
from adapters.diffusers.streamed_decode import decode_frames
from domain.errors import LatentsBroken, PromptTooLong
from domain.generation import SCHEDULERS, GenerationRequest
from domain.rendering import RenderProgress, StillRunning
from tests.fakes.examples import a_request
from tests.fakes.resume_points import FakeResumePoints

pytestmark = pytest.mark.slow
TOKENIZER = Path(adapters.embedded.__path__[0]) / "mini" / "tokenizer"
CHANNELS = 16


@dataclass(frozen=True)
class Structure:
    """What of a Wan differs from checkpoint to checkpoint."""

    experts: int = 2
    boundary_ratio: float | None = 0.875
    expand_timesteps: bool = False
    takes_image: bool = False

    @property
    def in_channels(self) -> int:
        masked = self.takes_image and not self.expand_timesteps
        return CHANNELS + 4 + CHANNELS if masked else CHANNELS


A14B = Structure()
T2V_1B = Structure(experts=1, boundary_ratio=None)
TI2V_5B = Structure(experts=1, boundary_ratio=None, expand_timesteps=True)
TI2V_5B_IMAGE = replace(TI2V_5B, takes_image=True)
I2V_A14B = Structure(boundary_ratio=0.9, takes_image=True)


@functools.cache
def a_pipe(structure: Structure) -> WanPipeline:
    """The stock pipeline over random parts; equal structures have equal weights."""
    torch.manual_seed(0)
    experts = [
        WanTransformer3DModel(
            num_attention_heads=2,
            attention_head_dim=12,
            in_channels=structure.in_channels,
            out_channels=CHANNELS,
            text_dim=16,
            freq_dim=32,
            ffn_dim=32,
            num_layers=2,
            rope_max_seq_len=32,
        )
        for _ in range(structure.experts)
    ]
    vae = AutoencoderKLWan(
        base_dim=4,
        z_dim=CHANNELS,
        dim_mult=[1, 1, 1, 1],
        num_res_blocks=1,
        temperal_downsample=[False, True, True],
    )
    text = UMT5Config(
        vocab_size=200, d_model=16, d_kv=8, d_ff=32, num_layers=2, num_heads=2, dropout_rate=0.0
    )
    parts = {
        "tokenizer": AutoTokenizer.from_pretrained(TOKENIZER),
        "text_encoder": UMT5EncoderModel(text).eval(),
        "vae": vae.eval(),
        "scheduler": UniPCMultistepScheduler(
            prediction_type="flow_prediction", use_flow_sigmas=True, flow_shift=3.0
        ),
        "transformer": experts[0].eval(),
        "transformer_2": experts[1].eval() if structure.experts == 2 else None,
        "boundary_ratio": structure.boundary_ratio,
        "expand_timesteps": structure.expand_timesteps,
    }
    kind = WanImageToVideoPipeline if structure.takes_image else WanPipeline
    pipe = kind(**parts)
    pipe.set_progress_bar_config(disable=True)
    return pipe


def stock_latents(
    pipe: Any, request: GenerationRequest, image: Path | None, **more: Any
) -> torch.Tensor:
    """What `__call__` gives. The schedulers are set as a user of diffusers would set them."""
    own, shift = pipe.scheduler, request.flow_shift
    stored = own.config
    pipe.scheduler = {
        "unipc": lambda: UniPCMultistepScheduler.from_config(stored, flow_shift=shift),
        "euler": lambda: FlowMatchEulerDiscreteScheduler(shift=shift),
        "dpm++": lambda: DPMSolverMultistepScheduler.from_config(stored, flow_shift=shift),
    }[request.scheduler]()
    given = {} if image is None else {"image": Image.open(image).convert("RGB")}
    latents: torch.Tensor = pipe(
        **given,
        **more,
        prompt=request.prompt,
        negative_prompt=request.negative_prompt,
        width=request.width,
        height=request.height,
        num_frames=request.num_frames,
        num_inference_steps=request.steps,
        guidance_scale=request.guidance_high_noise,
        guidance_scale_2=request.guidance_low_noise if pipe.config.boundary_ratio else None,
        generator=torch.Generator().manual_seed(request.seed),
        output_type="latent",
    ).frames
    pipe.scheduler = own
    return latents


def unheard(_progress: RenderProgress) -> None:
    """Nobody listens."""


def our_latents(
    pipe: Any,
    request: GenerationRequest,
    image: Path | None,
    report: Any = unheard,
    resume: FakeResumePoints | None = None,
) -> torch.Tensor:
    return denoise(
        pipe,
        request,
        report,
        resume or FakeResumePoints(),
        prompts=Prompts(pipe, load_encoder=lambda: pipe.text_encoder),
        identity={},
        begun=None,
        first_image=image,
    )


@pytest.fixture(scope="module")
def picture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("pictures") / "picture.png"
    noise = np.random.default_rng(1).integers(0, 256, (32, 48, 3), np.uint8)
    Image.fromarray(noise).save(path)
    return path


def wanted(**changes: Any) -> GenerationRequest:
    return replace(a_request(width=48, height=32, num_frames=9, steps=6), **changes)


STRUCTURES = {
    "A14B": A14B,
    "1.3B": T2V_1B,
    "5B": TI2V_5B,
    "5B from image": TI2V_5B_IMAGE,
    "I2V-A14B": I2V_A14B,
}
CHANGES: list[dict[str, Any]] = [
    {"steps": 1},
    {"steps": 17, "flow_shift": 12.0},
    {"flow_shift": 1.0, "seed": 8, "negative_prompt": "blue"},
    {"guidance_high_noise": 1.0, "guidance_low_noise": 1.0},
    {"guidance_high_noise": 5.0, "guidance_low_noise": 2.0},
    {"prompt": "A &amp; B\n  红色", "negative_prompt": ""},
]
CASES = [
    *((name, scheduler, {}) for name in STRUCTURES for scheduler in SCHEDULERS),
    *(("A14B", "unipc", changes) for changes in CHANGES),
    *((name, "unipc", CHANGES[1]) for name in STRUCTURES if name != "A14B"),
    *(("A14B", scheduler, CHANGES[1]) for scheduler in SCHEDULERS[1:]),
    ("I2V-A14B", "dpm++", CHANGES[4]),
]


@pytest.mark.parametrize(("name", "scheduler", "changes"), CASES, ids=str)
def test_latents_equal_those_of_the_stock_pipeline(
    name: str, scheduler: str, changes: dict[str, Any], picture: Path
) -> None:
    structure = STRUCTURES[name]
    request = wanted(scheduler=scheduler, **changes)
    image = picture if structure.takes_image else None
    pipe = a_pipe(structure)

    ours = our_latents(pipe, request, image)

    stock = stock_latents(pipe, request, image)
    assert ours.dtype == stock.dtype
    assert torch.equal(ours, stock)
    assert torch.isfinite(stock).all()


@pytest.mark.parametrize("structure", [A14B, TI2V_5B_IMAGE, I2V_A14B], ids=str)
def test_frames_equal_those_of_the_stock_pipeline(structure: Structure, picture: Path) -> None:
    request = wanted()
    image = picture if structure.takes_image else None
    pipe = a_pipe(structure)

    ours = torch.cat(list(decode_frames(pipe.vae, our_latents(pipe, request, image))))

    decoded = _decoded_as_stock(pipe, stock_latents(pipe, request, image))
    assert ours.shape == (9, 32, 48, 3)
    assert torch.equal(ours, decoded)


def passes_of(request: GenerationRequest) -> tuple[int, int]:
    """Forwards of the high-noise and of the low-noise expert."""
    pipe = copy.deepcopy(a_pipe(A14B))
    passes: list[str] = []
    for name in ("transformer", "transformer_2"):
        getattr(pipe, name).register_forward_pre_hook(lambda *_, name=name: passes.append(name))

    our_latents(pipe, request, None)

    return passes.count("transformer"), passes.count("transformer_2")


@pytest.mark.parametrize(("high", "low"), [(4.0, 3.0), (4.0, 1.0), (1.0, 5.0)])
def test_only_an_expert_that_is_guided_pays_for_an_unconditional_pass(
    high: float, low: float
) -> None:
    steps = passes_of(wanted(guidance_high_noise=1.0, guidance_low_noise=1.0))

    passes = passes_of(wanted(guidance_high_noise=high, guidance_low_noise=low))

    assert sum(steps) == wanted().steps
    assert min(steps) > 0
    assert passes == (steps[0] * (1 + (high > 1)), steps[1] * (1 + (low > 1)))


def test_what_is_left_out_changes_no_bit() -> None:
    # Stock pays for the pass and multiplies by one; it gives our bits where it is told, from outside,
    # to stop guiding at the boundary.
    pipe = a_pipe(A14B)
    request = wanted(guidance_high_noise=4.0, guidance_low_noise=1.0)

    def stop_guiding(pipe: Any, step: int, _t: Any, kwargs: Any) -> Any:
        if step + 1 < request.steps and pipe.scheduler.timesteps[step + 1] < 875:
            pipe._guidance_scale = 1.0
        return kwargs

    stock = stock_latents(pipe, request, None, callback_on_step_end=stop_guiding)

    assert torch.equal(our_latents(pipe, request, None), stock)


def test_low_noise_guidance_works_without_high_noise_guidance() -> None:
    # The stock pipeline looks at the high-noise value alone, and drops the other one silently.
    pipe = a_pipe(A14B)
    request = wanted(guidance_high_noise=1.0, guidance_low_noise=5.0)

    ours = our_latents(pipe, request, None)

    unguided = replace(request, guidance_low_noise=1.0)
    assert torch.equal(stock_latents(pipe, request, None), stock_latents(pipe, unguided, None))
    assert not torch.equal(ours, our_latents(pipe, unguided, None))


@pytest.mark.parametrize("scheduler", ["unipc", "euler", "dpm++"])
def test_the_shift_matters_to_every_scheduler(scheduler: str) -> None:
    # `FlowMatchEulerDiscreteScheduler.from_config` of UniPC's configuration drops it in silence.
    pipe = a_pipe(A14B)

    flat, leaning = (
        our_latents(pipe, wanted(scheduler=scheduler, flow_shift=shift), None) for shift in (1, 9)
    )

    assert not torch.equal(flat, leaning)


def in_bf16(structure: Structure) -> WanPipeline:
    pipe = copy.deepcopy(a_pipe(structure))
    for name in ("transformer", "transformer_2", "text_encoder"):
        if getattr(pipe, name) is not None:
            setattr(pipe, name, getattr(pipe, name).to(torch.bfloat16))
    return pipe


@pytest.mark.parametrize("structure", [A14B, TI2V_5B], ids=str)
def test_weights_in_bf16_are_treated_as_stock_treats_them(structure: Structure) -> None:
    pipe = in_bf16(structure)

    ours = our_latents(pipe, wanted(), None)

    assert torch.equal(ours, stock_latents(pipe, wanted(), None))


@pytest.mark.parametrize("agree", [True, False])
def test_tokens_of_one_timestep_share_its_embedding_where_that_is_exact(agree: bool) -> None:
    pipe, rows = in_bf16(TI2V_5B), set[int]()
    embedder, block = pipe.transformer.condition_embedder, pipe.transformer.blocks[0]
    if not agree:
        spoil = torch.arange(18).view(1, 18, 1) * 1e-3
        embedder.register_forward_hook(lambda _m, _g, made: (made[0] + spoil, *made[1:]))
    block.register_forward_pre_hook(lambda _m, given: rows.add(given[2].shape[1]))

    ours = our_latents(pipe, wanted(), None)

    assert rows == ({1} if agree else {18})
    assert torch.equal(ours, stock_latents(pipe, wanted(), None))


def test_there_is_a_moment_to_stop_at_before_every_block_and_no_trace_of_it_after() -> None:
    pipe = a_pipe(A14B)
    names, heard = list(pipe.transformer.state_dict()), []

    our_latents(pipe, wanted(steps=4), None, heard.append)

    passes, blocks_each = 4 * 2, 2
    assert heard.count(StillRunning()) >= passes * blocks_each
    assert type(pipe.transformer.blocks) is torch.nn.ModuleList
    assert list(pipe.transformer.state_dict()) == names
    assert not hasattr(pipe.transformer.blocks, "moment")


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_run_whose_numbers_broke_ends_at_once_and_saves_nothing_of_it(value: float) -> None:
    # It went on to the end, and was published as a black video.
    pipe = copy.deepcopy(a_pipe(A14B))
    resume = FakeResumePoints(due=range(1, 7))
    passes: list[int] = []

    def break_third_step(_module: Any, _given: Any, made: tuple[torch.Tensor]) -> Any:
        passes.append(1)
        return (made[0] * value,) if len(passes) == 5 else None

    for transformer in (pipe.transformer, pipe.transformer_2):
        transformer.register_forward_hook(break_third_step)

    with pytest.raises(LatentsBroken, match=r"step 3 of 6 .*float32 .*native"):
        our_latents(pipe, wanted(), None, resume=resume)

    assert len(passes) == 6
    assert list(resume.points) == [1, 2]


def test_latents_that_are_all_alike_are_broken() -> None:
    transformer = a_pipe(T2V_1B).transformer

    with pytest.raises(LatentsBroken, match="all alike"):
        refuse_broken(torch.full((1, 16, 2, 4, 4), 0.5), step=1, steps=2, guilty=transformer)


@pytest.mark.parametrize("field", ["prompt", "negative_prompt"])
def test_a_prompt_that_would_be_cut_off_is_refused(field: str) -> None:
    words = " ".join(["red"] * (MAX_TOKENS + 1))

    with pytest.raises(PromptTooLong, match=r"tokens long; the model reads 512"):
        our_latents(a_pipe(T2V_1B), wanted(**{field: words}), None)


def _decoded_as_stock(pipe: Any, latents: torch.Tensor) -> torch.Tensor:
    """uint8, (F, H, W, 3): the end of `WanPipeline.__call__`, and what a user makes of its floats."""
    shape = (1, CHANNELS, 1, 1, 1)
    mean = torch.tensor(pipe.vae.config.latents_mean).view(shape)
    inverse_std = 1.0 / torch.tensor(pipe.vae.config.latents_std).view(shape)
    with torch.no_grad():
        video = pipe.vae.decode(latents / inverse_std + mean, return_dict=False)[0]
    frames = pipe.video_processor.postprocess_video(video, output_type="np")[0]
    return torch.from_numpy((frames * 255).round().astype(np.uint8))
