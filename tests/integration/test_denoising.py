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
from adapters.diffusers.denoising import denoise
from adapters.diffusers.prompts import MAX_TOKENS, Prompts
from adapters.diffusers.streamed_decode import decode_frames
from domain.errors import PromptTooLong
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


def test_there_is_a_moment_to_stop_at_before_every_block_and_no_trace_of_it_after() -> None:
    pipe = a_pipe(A14B)
    names, heard = list(pipe.transformer.state_dict()), []

    our_latents(pipe, wanted(steps=4), None, heard.append)

    passes, blocks_each = 4 * 2, 2
    assert heard.count(StillRunning()) >= passes * blocks_each
    assert type(pipe.transformer.blocks) is torch.nn.ModuleList
    assert list(pipe.transformer.state_dict()) == names
    assert not hasattr(pipe.transformer.blocks, "moment")
    assert not [name for name, part in pipe.transformer.named_modules() if "forward" in vars(part)]


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
