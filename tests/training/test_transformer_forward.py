"""The training form of the transformer equals the stock one, padding and all."""

import torch

from training.budgets import TransformerShape
from training.networks import new_transformer
from training.transformer_forward import padding_bias, velocity

SHAPE = TransformerShape(heads=2, head_dim=16, layers=2, ffn_dim=64)


def stock_and_ours(timesteps: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Both predictions for two clips of 3 latent frames, texts of 5 and 9 tokens."""
    torch.manual_seed(0)
    transformer = new_transformer(SHAPE, latent_channels=4, text_width=8)
    torch.nn.init.normal_(transformer.proj_out.weight, std=0.1)
    latents, counts = torch.randn(2, 4, 3, 4, 4), torch.tensor([5, 9])
    text = torch.randn(2, 512, 8) * (torch.arange(512)[None, :, None] < counts[:, None, None])
    per_token = timesteps[:, :, None].expand(2, 3, 4).flatten(1)  # (B, T x H/2 x W/2)
    bias = padding_bias(counts, slots=16, padded_to=512)
    with torch.no_grad():
        stock = transformer(latents, per_token, text, return_dict=False)[0]
        ours = velocity(transformer, latents, timesteps, text[:, :16], bias)
    return stock, ours


def test_sixteen_text_slots_stand_for_the_pipelines_512() -> None:
    stock, ours = stock_and_ours(torch.tensor([[900.0] * 3, [100.0] * 3]))

    torch.testing.assert_close(ours, stock, rtol=1e-4, atol=1e-5)


def test_a_given_first_frame_has_timestep_zero_of_its_own() -> None:
    stock, ours = stock_and_ours(torch.tensor([[0.0, 900.0, 900.0], [0.0, 100.0, 100.0]]))

    torch.testing.assert_close(ours, stock, rtol=1e-4, atol=1e-5)
