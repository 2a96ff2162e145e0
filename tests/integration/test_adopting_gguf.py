"""GGUF pairs: `wan models adopt HIGH.gguf LOW.gguf`, and the videos that they make."""

import json
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from adapters.cli.app import build_app, run
from adapters.diffusers.video_pipeline import DiffusersVideoPipeline
from adapters.filesystem.checkpoint_catalog import FilesystemCheckpointCatalog
from adapters.filesystem.lora_catalog import FilesystemLoraCatalog
from bootstrap.cli import Commands
from domain.errors import CheckpointBroken
from domain.local_checkpoint import LocalCheckpoint
from domain.lora import Lora, LoraDraft, LoraUse
from domain.placement import ALL_ON_CPU, ALL_RESIDENT, Place, Placement
from domain.run import Run
from tests.fakes.examples import a_request
from tests.fakes.resume_points import FakeResumePoints
from tests.integration.gguf_files import Kind, write_gguf
from tests.integration.networks import (
    HIGH,
    LOW,
    in_comfyui_naming,
    in_official_naming,
    network,
)
from tests.integration.test_family import Studio, a_studio
from tests.integration.weights import EMBEDDED, change, write_official

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("settled")]

MINI = EMBEDDED / "mini"
HOST = torch.device("cpu")
VISITING = replace(
    ALL_RESIDENT, experts=Place.VISITING, text_encoder=Place.VISITING, vae=Place.VISITING
)


def wan(*arguments: str | Path) -> int:
    return run(build_app(Commands()), ["models", *map(str, arguments)])


def adopt(*arguments: str | Path) -> int:
    meant = () if "--as" in arguments else ("--as", "t2v-A14B")
    return wan("adopt", *arguments, "--with", MINI, *meant)


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Path, Path]:
    """As they are found: each expert of another precision, in folders that say which is which."""
    return (
        write_gguf(tmp_path / "Wan2.2-T2V-A14B-HighNoise-Q8_0.gguf", HIGH, Kind.Q8_0),
        write_gguf(tmp_path / "Wan2.2-T2V-A14B-LowNoise-Q4_0.gguf", LOW, Kind.Q4_0),
    )


def test_a_pair_is_used_where_it_lies(
    pair: tuple[Path, Path], models: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = [path.read_bytes() for path in pair]

    assert adopt(*pair[::-1]) == 0

    folder = models / "t2v-A14B"
    links = [
        folder / name / "diffusion_pytorch_model.gguf" for name in ("transformer", "transformer_2")
    ]
    assert [link.readlink() for link in links] == list(pair)
    assert wan("verify", "t2v-A14B") == 0
    capsys.readouterr()
    wan("list", "--json")
    listed = {model["id"]: model for model in json.loads(capsys.readouterr().out)}["t2v-A14B"]
    assert (listed["state"], listed["origin"]) == ("ready", "adopted")
    assert listed["source"] == f"{pair[1]}, {pair[0]}"
    assert wan("remove", "t2v-A14B", "--yes") == 0
    assert [path.read_bytes() for path in pair] == before
    assert not folder.exists()


def test_a_change_in_the_file_is_named_by_verify(
    pair: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    adopt(*pair)
    content = bytearray(pair[0].read_bytes())
    content[-1] ^= 1
    pair[0].write_bytes(content)

    assert wan("verify", "t2v-A14B") == 3

    told = capsys.readouterr().out
    assert "transformer/diffusion_pytorch_model.gguf: " in told
    assert str(pair[0]) in told


def test_names_that_do_not_tell_ask_for_the_experts(
    tmp_path: Path, models: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one, two = write_gguf(tmp_path / "a.gguf", LOW), write_gguf(tmp_path / "b.gguf", HIGH)

    assert adopt(one, two) == 2
    assert "--high and --low" in capsys.readouterr().err
    assert adopt("--high", two, "--low", one) == 0

    assert (models / "t2v-A14B/transformer/diffusion_pytorch_model.gguf").readlink() == two


def two_high(folder: Path) -> tuple[Path, ...]:
    return tuple(write_gguf(folder / f"{name}_high.gguf", HIGH) for name in "ab")


def other_family(folder: Path) -> tuple[Path, ...]:
    image = network(3, in_channels=36)
    return write_gguf(folder / "t_high.gguf", HIGH), write_gguf(folder / "i_low.gguf", image)


def half(folder: Path) -> tuple[Path, ...]:
    return (write_gguf(folder / "t_high.gguf", HIGH),)


def plain_file(folder: Path) -> tuple[Path, ...]:
    return (write_official(folder / "wan.safetensors"),)


def with_vace(folder: Path) -> tuple[Path, ...]:
    blocks = {"vace_blocks.0.after_proj.bias": torch.zeros(128)}
    return (write_gguf(folder / "vace.gguf", HIGH | blocks),)


def text_encoder(folder: Path) -> tuple[Path, ...]:
    attention = {"encoder.block.0.layer.0.SelfAttention.q.weight": torch.zeros(32, 32)}
    return (write_gguf(folder / "umt5.gguf", attention),)


def without_a_tensor(folder: Path) -> tuple[Path, ...]:
    rest = {name: t for name, t in HIGH.items() if name != "blocks.1.attn2.to_k.bias"}
    return tuple(write_gguf(folder / f"{name}.gguf", rest) for name in ("high", "low"))


@pytest.mark.parametrize(
    ("write", "code", "words"),
    [
        (two_high, 2, "are both the high noise expert"),
        (other_family, 2, "GGUF Q8_0, Wan's own naming) and"),
        (half, 2, "is not t2v-A14B but t2v-1.3B: one transformer of 2 blocks"),
        (plain_file, 2, "convert it once, with wan models convert"),
        (
            with_vace,
            2,
            "and VACE blocks; GGUF Q8_0, Wan's own naming) cannot be used in this layout",
        ),
        (text_encoder, 2, "is a text encoder"),
        (without_a_tensor, 3, "lacks blocks.1.cross_attn.k.bias"),
    ],
)
def test_what_cannot_be_used_is_refused_with_the_reason_and_leaves_nothing(
    write: Callable[[Path], tuple[Path, ...]],
    code: int,
    words: str,
    tmp_path: Path,
    models: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert adopt(*write(tmp_path), "--as", "vace-14B" if write is with_vace else "t2v-A14B") == code

    assert words in capsys.readouterr().err
    assert not list(models.rglob("*.gguf"))


def test_a_gguf_file_gains_nothing_by_conversion(
    pair: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    assert wan("convert", *pair, "--with", MINI) == 2
    assert "is used where it lies: wan models adopt" in capsys.readouterr().err


def test_a_transformer_with_two_kinds_of_weights_is_broken(
    pair: tuple[Path, Path], models: Path
) -> None:
    adopt(*pair)
    folder = models / "t2v-A14B"
    save_file({"x": torch.zeros(1)}, folder / "transformer/model.safetensors")

    with pytest.raises(CheckpointBroken, match="are both to be the weights of transformer"):
        FilesystemCheckpointCatalog([models]).find("t2v-A14B")


class TestAdopted:
    """What was adopted makes videos."""

    @pytest.fixture(params=[in_official_naming, in_comfyui_naming])
    def adopted(
        self, request: pytest.FixtureRequest, tmp_path: Path, models: Path
    ) -> LocalCheckpoint:
        for name, weights in (("high", HIGH), ("low", LOW)):
            write_gguf(tmp_path / f"{name}.gguf", weights, naming=request.param)
        assert adopt(tmp_path / "high.gguf", tmp_path / "low.gguf") == 0
        return FilesystemCheckpointCatalog([models]).find("t2v-A14B")

    @pytest.fixture
    async def studio(self, models: Path, tmp_path: Path) -> AsyncIterator[Studio]:
        async with a_studio(models, tmp_path / "data") as studio:
            yield studio

    async def test_a_draft_becomes_a_file(self, adopted: LocalCheckpoint, studio: Studio) -> None:
        job, path = await studio.make(checkpoint="t2v-A14B")

        assert path.stat().st_size > 0
        assert job.plan is not None
        assert job.plan.weight_bytes == adopted.weight_bytes
        assert any("GGUF files have them (Q8_0)" in reason for reason in job.plan.reasons)


@pytest.fixture(scope="module")
def quantised(tmp_path_factory: pytest.TempPathFactory) -> LocalCheckpoint:
    """An adopted pair, as its folder is laid out, without a manifest."""
    return laid_out(tmp_path_factory.mktemp("models"))


def laid_out(models: Path, *, is_quantised: bool = True) -> LocalCheckpoint:
    """The same, or its weights as they were before they were quantised."""
    folder = models / "t2v-A14B"
    folder.mkdir()
    for part in MINI.iterdir():
        if not part.name.startswith(("transformer", "manifest", "model_index")):
            (folder / part.name).symlink_to(part)
    (folder / "model_index.json").write_text((MINI / "model_index.json").read_text())
    config = json.loads((MINI / "transformer/config.json").read_text()) | {
        "num_attention_heads": 1,
        "attention_head_dim": 128,
        "ffn_dim": 96,
        "num_layers": 2,
    }
    for name, weights in (("transformer", HIGH), ("transformer_2", LOW)):
        (folder / name).mkdir()
        (folder / name / "config.json").write_text(json.dumps(config))
        if is_quantised:
            write_gguf(folder / name / "model.gguf", weights)
        else:
            save_file(weights, folder / name / "diffusion_pytorch_model.safetensors")
    return FilesystemCheckpointCatalog([models]).find("t2v-A14B")


REQUEST = a_request(checkpoint="t2v-A14B", steps=4)


def frames(
    pipeline: DiffusersVideoPipeline,
    checkpoint: LocalCheckpoint,
    placement: Placement,
    resume: FakeResumePoints | None = None,
    *,
    uses: tuple[LoraUse, ...] = (),
    loras: Sequence[Lora] = (),
) -> bytes:
    request = replace(REQUEST, loras=uses)
    order = Run(request=request, checkpoint=checkpoint, loras=loras, placement=placement)
    chunks = pipeline.generate(order, lambda _: None, resume or FakeResumePoints())
    return b"".join(chunk.rgb.tobytes() for chunk in chunks)


@pytest.fixture(scope="module")
def pipeline() -> Iterator[DiffusersVideoPipeline]:
    with closing(DiffusersVideoPipeline(HOST)) as pipeline:
        yield pipeline


@pytest.mark.parametrize(
    "placement",
    [
        VISITING,
        replace(VISITING, experts=Place.STREAMED),
        replace(ALL_RESIDENT, text_encoder=Place.HOST),
    ],
)
def test_the_video_is_the_same_wherever_the_parts_lie(
    placement: Placement, pipeline: DiffusersVideoPipeline, quantised: LocalCheckpoint
) -> None:
    assert frames(pipeline, quantised, placement) == frames(pipeline, quantised, ALL_RESIDENT)


def test_a_run_goes_on_where_it_was_and_never_with_the_weights_it_was_made_of(
    pipeline: DiffusersVideoPipeline, quantised: LocalCheckpoint, tmp_path: Path
) -> None:
    saved = FakeResumePoints(due=(2,))
    whole = frames(pipeline, quantised, ALL_ON_CPU, saved)
    again, other = FakeResumePoints(saved.points[2]), FakeResumePoints(saved.points[2])

    assert frames(pipeline, quantised, ALL_ON_CPU, again) == whole
    frames(pipeline, laid_out(tmp_path, is_quantised=False), ALL_ON_CPU, other)

    assert again.accepted == 2
    assert other.rejected
    assert "weights" in other.rejected


def test_a_lora_is_worn_over_quantised_weights_and_taken_off(
    pipeline: DiffusersVideoPipeline, quantised: LocalCheckpoint, tmp_path: Path
) -> None:
    layer = "diffusion_model.blocks.0.ffn.2"
    tensors = {
        f"{layer}.lora_down.weight": torch.randn(4, 96),
        f"{layer}.lora_up.weight": torch.randn(128, 4),
    }
    save_file(tensors, tmp_path / "one.safetensors")
    catalog = FilesystemLoraCatalog(tmp_path)
    lora = catalog.find("one")
    use = LoraDraft(name="one").complete(catalog.hashes(lora))

    plain = frames(pipeline, quantised, ALL_ON_CPU)
    worn = frames(pipeline, quantised, ALL_ON_CPU, uses=(use,), loras=[lora])
    streamed = replace(VISITING, experts=Place.STREAMED)

    assert worn != plain
    assert frames(pipeline, quantised, ALL_ON_CPU) == plain
    on_device = frames(pipeline, quantised, ALL_RESIDENT, uses=(use,), loras=[lora])
    assert frames(pipeline, quantised, streamed, uses=(use,), loras=[lora]) == on_device


def test_a_hand_placed_file_of_vace_is_broken(quantised: LocalCheckpoint, tmp_path: Path) -> None:
    folder = tmp_path / "vace-14B"
    folder.mkdir()
    for part in quantised.folder.iterdir():
        if part.name not in {"transformer", "transformer_2", "model_index.json"}:
            (folder / part.name).symlink_to(part)
    index = json.loads((quantised.folder / "model_index.json").read_text())
    index |= {"transformer_2": [None, None], "boundary_ratio": None}
    (folder / "model_index.json").write_text(json.dumps(index))
    (folder / "transformer").mkdir()
    for part in (quantised.folder / "transformer").iterdir():
        (folder / "transformer" / part.name).write_bytes(part.read_bytes())
    change(folder / "transformer/config.json", _class_name="WanVACETransformer3DModel")

    with pytest.raises(CheckpointBroken, match="GGUF files: those of vace-14B cannot be run"):
        FilesystemCheckpointCatalog([tmp_path]).find("vace-14B")
