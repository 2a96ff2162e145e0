"""Models of GGUF files: their arithmetic, what they take, and that their file is mapped."""

import re
from pathlib import Path
from typing import Any, Final

import gguf
import pytest
import torch
from diffusers import WanTransformer3DModel
from diffusers.quantizers.gguf.utils import GGUFLinear, GGUFParameter

from adapters.diffusers.gguf_weights import load_gguf
from adapters.filesystem.gguf_header import _TYPES, read_gguf_header
from adapters.filesystem.quantised_weights import read_quantised
from domain.quantised_weights import QuantisedWeights, Share
from domain.structure import Precision, TransformerStructure
from tests.integration.gguf_files import Kind, is_matrix, undone, write_gguf
from tests.integration.live_bytes import LiveBytes
from tests.integration.networks import Weights, in_comfyui_naming, in_official_naming

pytestmark = pytest.mark.slow

#: Those that diffusers' layers undo.
QUANTISED: Final = [
    Kind(number) for number, (name, *_) in _TYPES.items() if name not in {"F32", "F16", "BF16"}
]
DTYPES: Final = {Precision.BF16: torch.bfloat16, Precision.FP32: torch.float32}
CONFIG: Final = {
    "num_attention_heads": 2,
    "attention_head_dim": 128,
    "text_dim": 256,
    "freq_dim": 256,
    "ffn_dim": 512,
    "num_layers": 2,
    "rope_max_seq_len": 64,
}
STRUCTURE: Final = TransformerStructure(
    layers=2,
    heads=2,
    head_width=128,
    ffn_width=512,
    in_channels=16,
    out_channels=16,
    text_width=256,
)
#: `networks.network` has rows too short for blocks of 256.
torch.manual_seed(5)
WIDE: Final[Weights] = {
    name: torch.randn_like(tensor) / 16
    for name, tensor in WanTransformer3DModel(**CONFIG).state_dict().items()
}
INPUTS: Final = {
    "hidden_states": torch.randn(1, 16, 2, 8, 8),
    "timestep": torch.tensor([500]),
    "encoder_hidden_states": torch.randn(1, 7, 256),
    "return_dict": False,
}


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("config")
    with torch.device("meta"):
        WanTransformer3DModel(**CONFIG).save_config(folder)
    return folder


def given(model: Any) -> torch.Tensor:
    with torch.no_grad():
        made: torch.Tensor = model(**INPUTS)[0]
    return made


def read(path: Path) -> QuantisedWeights:
    found = read_quantised(read_gguf_header(path))
    assert found is not None
    return found


def bytes_of(module: Any) -> int:
    return sum(p.numel() * p.element_size() for p in module.parameters())


@pytest.mark.parametrize("kind", QUANTISED, ids=lambda kind: kind.name)
def test_its_sums_are_those_of_the_numbers_that_the_file_stands_for(
    kind: Kind, config: Path, tmp_path: Path
) -> None:
    plain = WanTransformer3DModel(**CONFIG).eval()
    plain.load_state_dict({n: undone(t, kind) if is_matrix(n, t) else t for n, t in WIDE.items()})

    found = load_gguf(write_gguf(tmp_path / "x.gguf", WIDE, kind), config, torch.float32)

    # A layer undoes its numbers in fp16.
    error = (given(found) - given(plain)).abs().max() / given(plain).abs().max()
    assert error < 0.003


@pytest.mark.parametrize("naming", [in_official_naming, in_comfyui_naming, dict])
@pytest.mark.parametrize("others", [Kind.F32, Kind.F16, Kind.BF16])
@pytest.mark.parametrize("precision", DTYPES)
def test_what_it_takes_is_told_to_the_byte(
    naming: Any, others: Kind, precision: Precision, config: Path, tmp_path: Path
) -> None:
    path = write_gguf(tmp_path / "x.gguf", WIDE, Kind.Q5_1, naming=naming, others=others)
    found, quantised = load_gguf(path, config, DTYPES[precision]), read(path)

    told = quantised.all.size_bytes + STRUCTURE.bytes_beside(quantised, precision)
    assert told == bytes_of(found)
    assert STRUCTURE.largest_block_bytes(quantised, precision) == bytes_of(found.blocks[0])
    outer = bytes_of(found) - sum(map(bytes_of, found.blocks))
    assert STRUCTURE.quantised_outer_bytes(quantised, precision) == outer
    assert found.dtype is DTYPES[precision]
    assert quantised.types == ("Q5_1",)


def test_types_that_differ_from_block_to_block_are_told_to_the_byte(
    config: Path, tmp_path: Path
) -> None:
    mixed = gguf.GGUFWriter(tmp_path / "x.gguf", arch="wan")
    for name, tensor in in_official_naming(WIDE).items():
        kind = Kind.F32
        if is_matrix(name, tensor):
            kind = Kind.Q8_0 if name.startswith("blocks.1.") else Kind.Q4_0
        mixed.add_tensor(name, gguf.quants.quantize(tensor.numpy(), kind), raw_dtype=kind)
    mixed.write_header_to_file()
    mixed.write_kv_data_to_file()
    mixed.write_tensors_to_file()
    mixed.close()

    found, quantised = (
        load_gguf(tmp_path / "x.gguf", config, torch.bfloat16),
        read(tmp_path / "x.gguf"),
    )

    assert quantised.types == ("Q8_0", "Q4_0")
    assert STRUCTURE.largest_block_bytes(quantised, Precision.BF16) == bytes_of(found.blocks[1])
    told = quantised.all.size_bytes + STRUCTURE.bytes_beside(quantised, Precision.BF16)
    assert told == bytes_of(found)


def test_a_file_without_quantised_numbers_is_loaded_as_any_other(
    config: Path, tmp_path: Path
) -> None:
    path = write_gguf(tmp_path / "x.gguf", WIDE, Kind.F32, folds=True)

    found = load_gguf(path, config, torch.float32)

    plain = WanTransformer3DModel(**CONFIG).eval()
    plain.load_state_dict(WIDE)
    assert torch.equal(given(found), given(plain))
    assert read_quantised(read_gguf_header(path)) is None


def test_the_quantised_numbers_are_the_files_own_pages(config: Path, tmp_path: Path) -> None:
    path = write_gguf(tmp_path / "x.gguf", WIDE, Kind.Q8_0)

    found = load_gguf(path, config, torch.bfloat16)

    maps = re.findall(
        rf"^([0-9a-f]+)-([0-9a-f]+) .*{path}$", Path("/proc/self/maps").read_text(), re.M
    )
    spans = [range(int(first, 16), int(last, 16)) for first, last in maps]
    addresses = [p.data_ptr() for p in found.parameters() if isinstance(p, GGUFParameter)]
    assert addresses
    assert all(any(address in span for span in spans) for address in addresses)


@pytest.mark.parametrize("kind", QUANTISED, ids=lambda kind: kind.name)
def test_undoing_a_layer_takes_no_more_than_is_planned_for(kind: Kind) -> None:
    side = 512
    block, size = gguf.GGML_QUANT_SIZES[kind]
    raw = torch.zeros(side, side // block * size, dtype=torch.uint8)
    own = QuantisedWeights(types=(kind.name,), blocks=(), outside=Share(), largest=side**2)

    peaks = []
    for dtype in DTYPES.values():
        layer = GGUFLinear(side, side, bias=False, compute_dtype=dtype)
        layer.weight = GGUFParameter(raw, quant_type=kind)
        given = torch.zeros(1, side, dtype=dtype)
        with torch.no_grad(), LiveBytes([raw, layer.weight, given]) as live:
            layer(given)
        peaks.append(live.peak)

    assert 0.7 * own.workspace_bytes < max(peaks) < 1.05 * own.workspace_bytes
