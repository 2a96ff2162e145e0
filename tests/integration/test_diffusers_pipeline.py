"""Our frames against those of the stock pipeline, bit for bit."""

import json
import shutil
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import adapters.embedded
from adapters.filesystem.checkpoint_catalog import FilesystemCheckpointCatalog, read_checkpoint
from domain.errors import (
    AcceleratorFault,
    CheckpointBroken,
    CheckpointUnavailable,
    OutOfAcceleratorMemory,
)
from domain.generation import GenerationRequest
from domain.inputs import InputFiles
from domain.local_checkpoint import LocalCheckpoint
from domain.rendering import RenderProgress, Report, StepFinished
from domain.run import Run
from tests.fakes.examples import a_request
from tests.fakes.resume_points import FakeResumePoints

if TYPE_CHECKING:
    from adapters.diffusers.video_pipeline import DiffusersVideoPipeline

pytestmark = pytest.mark.slow
EMBEDDED = Path(adapters.embedded.__path__[0])


@pytest.fixture(scope="module")
def mini() -> LocalCheckpoint:
    return FilesystemCheckpointCatalog([EMBEDDED]).find("mini")


def unheard(_progress: object) -> None:
    """Nobody listens."""


@pytest.fixture(scope="module")
def used() -> "Iterator[DiffusersVideoPipeline]":
    """A pipeline that has made videos before, as a worker's mostly has."""
    from adapters.diffusers.video_pipeline import DiffusersVideoPipeline

    with closing(DiffusersVideoPipeline()) as pipeline:
        yield pipeline


def ours(
    request: GenerationRequest,
    mini: LocalCheckpoint,
    pipeline: "DiffusersVideoPipeline | None" = None,
    *,
    in_tiles: bool = False,
    report: Report = unheard,
) -> bytes:
    """The frames of that pipeline; None: of one that has made nothing yet."""
    from adapters.diffusers.video_pipeline import DiffusersVideoPipeline

    chunks = (pipeline or DiffusersVideoPipeline()).generate(
        Run(request=request, checkpoint=mini, in_tiles=in_tiles),
        report,
        FakeResumePoints(),
    )
    return b"".join(chunk.rgb.tobytes() for chunk in chunks)


def stock(request: GenerationRequest, *, in_tiles: bool = False) -> bytes:
    """What a user of plain diffusers gets from the folder."""
    import torch
    from diffusers import UniPCMultistepScheduler, WanPipeline

    pipe = WanPipeline.from_pretrained(EMBEDDED / "mini", dtype=torch.float32)
    pipe.scheduler = UniPCMultistepScheduler.from_config(
        pipe.scheduler.config, flow_shift=request.flow_shift
    )
    if in_tiles:
        pipe.vae.enable_tiling()
    frames = pipe(
        prompt=request.prompt,
        negative_prompt=request.negative_prompt,
        width=request.width,
        height=request.height,
        num_frames=request.num_frames,
        num_inference_steps=request.steps,
        guidance_scale=request.guidance_high_noise,
        guidance_scale_2=request.guidance_low_noise,
        generator=torch.Generator().manual_seed(request.seed),
    ).frames[0]
    return bytes((frames * 255).round().astype(np.uint8).tobytes())


@pytest.mark.parametrize(
    "changes",
    [
        {"seed": 7},
        {"seed": 8, "num_frames": 9, "negative_prompt": "blue"},
        {"guidance_high_noise": 1.0, "guidance_low_noise": 1.0},
        {"guidance_high_noise": 5.0, "guidance_low_noise": 2.0, "flow_shift": 8.0},
    ],
)
def test_frames_equal_those_of_the_stock_pipeline(
    changes: dict[str, float], mini: LocalCheckpoint, used: "DiffusersVideoPipeline"
) -> None:
    request = a_request(width=64, height=64, steps=6, **changes)

    assert ours(request, mini, used) == stock(request)


@pytest.mark.parametrize(("width", "is_larger_than_a_tile"), [(64, False), (288, True)])
def test_frames_decoded_in_tiles_equal_those_of_the_stock_pipeline(
    width: int, is_larger_than_a_tile: bool, mini: LocalCheckpoint
) -> None:
    request = a_request(width=width, height=64, num_frames=5, steps=1)

    tiled = ours(request, mini, in_tiles=True)

    assert tiled == stock(request, in_tiles=True)
    assert (tiled != ours(request, mini)) is is_larger_than_a_tile


@pytest.mark.parametrize(("is_miniature", "threads"), [(True, 1), (False, 3)])
def test_a_miniature_is_computed_by_one_thread_and_others_by_all(
    is_miniature: bool, threads: int, mini: LocalCheckpoint
) -> None:
    import torch

    # So small as to be quick with three threads, too, on a busy machine.
    request = a_request(width=16, height=16, num_frames=1, steps=1)
    checkpoint = replace(mini, spec=replace(mini.spec, is_miniature=is_miniature))
    usual, seen = torch.get_num_threads(), set()
    torch.set_num_threads(3)
    try:
        ours(request, checkpoint, report=lambda _progress: seen.add(torch.get_num_threads()))
        after = torch.get_num_threads()
    finally:
        torch.set_num_threads(usual)

    assert seen == {threads}
    assert after == 3, "the next run has what it had"


def test_each_expert_has_its_own_guidance(
    mini: LocalCheckpoint, used: "DiffusersVideoPipeline"
) -> None:
    one = a_request(steps=6, guidance_high_noise=4.0, guidance_low_noise=4.0)
    high = a_request(steps=6, guidance_high_noise=6.0, guidance_low_noise=4.0)
    low = a_request(steps=6, guidance_high_noise=4.0, guidance_low_noise=6.0)

    assert len({ours(request, mini, used) for request in (one, high, low)}) == 3


def test_weights_that_do_not_fit_their_configuration_are_broken(
    mini: LocalCheckpoint, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(mini.folder, tmp_path / "mini"))
    config = folder / "transformer" / "config.json"
    config.write_text(config.read_text().replace('"ffn_dim": ', '"ffn_dim": 1'))

    with pytest.raises(CheckpointBroken, match="cannot be loaded"):
        ours(a_request(), read_checkpoint(mini.spec, folder))


def test_low_noise_guidance_works_without_high_noise_guidance(
    mini: LocalCheckpoint, used: "DiffusersVideoPipeline"
) -> None:
    # The stock pipeline looks at the high-noise value alone, and dropped the other one silently.
    unguided = a_request(steps=6, guidance_high_noise=1.0, guidance_low_noise=1.0)
    low_only = a_request(steps=6, guidance_high_noise=1.0, guidance_low_noise=5.0)

    assert ours(unguided, mini, used) != ours(low_only, mini, used)


@pytest.mark.parametrize(
    ("changes", "matters"),
    [
        ({"flow_shift": 8.0}, True),
        ({"prompt": "a small white star drifting up over black"}, True),
        ({"negative_prompt": "red"}, True),
        ({"steps": 5}, True),
        ({"fps": 16}, False),
    ],
)
def test_what_shapes_the_frames_does_and_nothing_else(
    changes: dict[str, Any], matters: bool, mini: LocalCheckpoint, used: "DiffusersVideoPipeline"
) -> None:
    request = a_request(width=64, height=64, steps=6)

    changed = replace(request, **changes)
    assert (ours(request, mini, used) != ours(changed, mini, used)) == matters


@pytest.mark.parametrize(
    ("gone", "by"), [("transformer", "transformer_2"), ("transformer_2", "transformer")]
)
def test_both_experts_work_on_every_video(
    gone: str, by: str, mini: LocalCheckpoint, used: "DiffusersVideoPipeline", tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(mini.folder, tmp_path / "mini"))
    shutil.rmtree(folder / gone)
    shutil.copytree(folder / by, folder / gone)

    with_one_expert = ours(a_request(), read_checkpoint(mini.spec, folder))

    assert with_one_expert != ours(a_request(), mini, used)


@pytest.mark.parametrize("part", ["transformer", "transformer_2", "text_encoder", "vae"])
def test_weights_that_lack_a_tensor_are_broken(
    part: str, mini: LocalCheckpoint, tmp_path: Path
) -> None:
    # For a text encoder, transformers drew the missing tensor at random, with a line in the log: the
    # video came out as completed. (The other parts stayed on the meta device: an unforeseen error.)
    from safetensors.torch import load_file, save_file

    folder = Path(shutil.copytree(mini.folder, tmp_path / "mini"))
    (file,) = (folder / part).glob("*.safetensors")
    tensors = load_file(file)
    del tensors[min(name for name in tensors if name.endswith("weight"))]
    save_file(tensors, file, metadata={"format": "pt"})

    with pytest.raises(CheckpointBroken, match="cannot be loaded"):
        ours(a_request(), read_checkpoint(mini.spec, folder))


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("transformer/config.json", {"num_layers": "many"}),
        ("text_encoder/config.json", {"num_heads": "many"}),
        ("tokenizer/tokenizer.json", {"model": None}),
    ],
)
def test_a_configuration_that_makes_no_sense_is_broken(
    name: str, changes: dict[str, Any], mini: LocalCheckpoint, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(mini.folder, tmp_path / "mini"))
    told = json.loads((folder / name).read_text())
    (folder / name).write_text(json.dumps(told | changes))

    with pytest.raises(CheckpointBroken, match="cannot be loaded"):
        ours(a_request(), read_checkpoint(mini.spec, folder))


def test_a_file_that_cannot_be_read_now_does_not_say_that_the_weights_are_broken(
    mini: LocalCheckpoint, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(mini.folder, tmp_path / "mini"))
    found = read_checkpoint(mini.spec, folder)
    config = folder / "vae" / "config.json"
    config.unlink()
    config.symlink_to("/proc/self/mem")  # whose first bytes nobody can read

    with pytest.raises(CheckpointUnavailable, match="Input/output error") as refused:
        ours(a_request(), found)

    assert type(refused.value) is CheckpointUnavailable


def test_memory_that_is_full_now_does_not_say_that_the_weights_are_broken(
    mini: LocalCheckpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch
    import transformers

    def needs_too_much(*_given: object, **_named: object) -> object:
        return torch.empty(10**15)  # what a machine says whose memory others have taken

    monkeypatch.setattr(transformers.UMT5EncoderModel, "from_pretrained", needs_too_much)

    with pytest.raises(RuntimeError, match="can't allocate memory"):
        ours(a_request(), mini)


@pytest.mark.parametrize("given", [True, False], ids=["image", "text"])
def test_a_video_from_an_image_equals_the_stock_pipelines(given: bool, tmp_path: Path) -> None:
    import torch
    from diffusers import UniPCMultistepScheduler, WanImageToVideoPipeline, WanPipeline
    from PIL import Image

    from adapters.diffusers.video_pipeline import DiffusersVideoPipeline

    ti2v = FilesystemCheckpointCatalog([EMBEDDED]).find("mini-ti2v")
    picture = Image.radial_gradient("L").resize((64, 64)).convert("RGB")
    picture.save(tmp_path / "image.png")
    request = a_request(checkpoint="mini-ti2v", width=64, height=64, num_frames=9, steps=4)
    kind = WanImageToVideoPipeline if given else WanPipeline
    pipe = kind.from_pretrained(ti2v.folder, dtype=torch.float32)
    pipe.scheduler = UniPCMultistepScheduler.from_config(
        pipe.scheduler.config, flow_shift=request.flow_shift
    )

    frames = pipe(
        **({"image": picture} if given else {}),
        prompt=request.prompt,
        negative_prompt=request.negative_prompt,
        width=64,
        height=64,
        num_frames=9,
        num_inference_steps=4,
        guidance_scale=request.guidance_high_noise,
        generator=torch.Generator().manual_seed(request.seed),
    ).frames[0]

    chunks = DiffusersVideoPipeline().generate(
        Run(
            request=request,
            checkpoint=ti2v,
            inputs=InputFiles(image=tmp_path / "image.png" if given else None),
        ),
        lambda _progress: None,
        FakeResumePoints(),
    )
    ours = b"".join(chunk.rgb.tobytes() for chunk in chunks)
    assert ours == (frames * 255).round().astype(np.uint8).tobytes()


@pytest.mark.parametrize(
    ("kind", "told", "meaning", "words"),
    [
        ("AcceleratorError", "CUDA error: an illegal memory access was encountered\nCompile with",
         AcceleratorFault, "an illegal memory access was encountered."),
        ("RuntimeError", "CUDA error: CUBLAS_STATUS_EXECUTION_FAILED when calling `cublasGemmEx`",
         AcceleratorFault, "CUBLAS_STATUS_EXECUTION_FAILED"),
        ("AcceleratorError", "CUDA error: out of memory", OutOfAcceleratorMemory, "ran out of memory"),
        ("OutOfMemoryError", "CUDA out of memory.", OutOfAcceleratorMemory, "ran out of memory"),
        ("RuntimeError", "The size of tensor a (4) must match", RuntimeError, "The size of tensor"),
    ],
)  # fmt: skip
def test_what_an_accelerator_says_in_the_middle_of_a_run_is_told_as_what_it_is(
    kind: str, told: str, meaning: type[Exception], words: str, mini: LocalCheckpoint
) -> None:
    # A driver's fault was an internal error, and charged to the job.
    import torch

    from adapters.diffusers.video_pipeline import DiffusersVideoPipeline

    kinds = (torch.AcceleratorError, torch.OutOfMemoryError, RuntimeError)
    error = next(each for each in kinds if each.__name__ == kind)(told)

    def fail(progress: RenderProgress) -> None:
        if isinstance(progress, StepFinished):
            raise error

    chunks = DiffusersVideoPipeline().generate(
        Run(request=a_request(), checkpoint=mini), fail, FakeResumePoints()
    )
    with pytest.raises(meaning, match=words):
        next(iter(chunks))


def test_a_run_in_tiles_leaves_the_next_one_as_it_is(tmp_path: Path) -> None:
    # Tiles that stayed on would encode a first image in parts, and change the latents.
    from PIL import Image

    from adapters.diffusers.video_pipeline import DiffusersVideoPipeline

    ti2v = FilesystemCheckpointCatalog([EMBEDDED]).find("mini-ti2v")
    picture = tmp_path / "image.png"
    Image.radial_gradient("L").resize((288, 64)).convert("RGB").save(picture)
    request = a_request(checkpoint="mini-ti2v", width=288, height=64, num_frames=5, steps=1)

    def frames_of(pipeline: DiffusersVideoPipeline, *, in_tiles: bool) -> bytes:
        chunks = pipeline.generate(
            Run(
                request=request,
                checkpoint=ti2v,
                inputs=InputFiles(image=picture),
                in_tiles=in_tiles,
            ),
            unheard,
            FakeResumePoints(),
        )
        return b"".join(chunk.rgb.tobytes() for chunk in chunks)

    fresh, used = DiffusersVideoPipeline(), DiffusersVideoPipeline()
    whole = frames_of(fresh, in_tiles=False)
    assert frames_of(used, in_tiles=True) != whole

    assert frames_of(used, in_tiles=False) == whole
