"""Equal rows are multiplied equally: what a plan of the 5B from text alone counts on."""

import pytest
import torch
from diffusers import WanTransformer3DModel

from adapters.diffusers.shared_timestep import one_timestep_for_all
from domain.checkpoint import checkpoint_spec
from tests.integration.test_structures import SHARED, TRANSFORMERS, in_bf16

DEVICE = torch.device("cuda")


@pytest.mark.parametrize(("height", "width"), [(704, 1280), (480, 832)])
def test_tokens_at_one_timestep_share_its_embedding(height: int, width: int) -> None:
    torch.manual_seed(0)
    config = SHARED | TRANSFORMERS["ti2v-5B"] | {"num_layers": 1}
    with DEVICE:
        transformer = in_bf16(WanTransformer3DModel(**config))
    geometry = checkpoint_spec("ti2v-5B").geometry
    size = {"num_frames": 121, "height": height, "width": width}
    _, *cells = geometry.latent_shape(**size)
    bf16 = {"dtype": torch.bfloat16, "device": DEVICE}
    latents = torch.randn(1, config["in_channels"], *cells, **bf16)
    text = torch.randn(1, 512, config["text_dim"], **bf16)
    time = torch.full((1, geometry.tokens(**size)), 875.0, device=DEVICE)
    rows = set[int]()
    transformer.blocks[0].register_forward_pre_hook(lambda _m, given: rows.add(given[2].shape[1]))

    with one_timestep_for_all([transformer]), torch.no_grad():
        transformer(latents, time, text, return_dict=False)

    assert rows == {1}
