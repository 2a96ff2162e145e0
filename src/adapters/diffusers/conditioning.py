"""What the transformer sees beside the noise: nothing, a held frame, a masked video, or a control.

Each form is that of the stock pipelines, dtype by dtype: `WanPipeline`, `WanImageToVideoPipeline`,
`WanVACEPipeline` and `WanAnimatePipeline` of diffusers 0.42.
"""

from collections.abc import Mapping
from typing import Protocol

import torch
from diffusers import (
    WanAnimateTransformer3DModel,
    WanPipeline,
    WanVACETransformer3DModel,
)

from adapters.diffusers.character import Performance, read_performance
from adapters.diffusers.control_latents import control_latents
from adapters.diffusers.given_latents import encode, image_pixels
from domain.generation import GenerationRequest
from domain.inputs import InputFiles


class Conditioning(Protocol):
    """How latents and a timestep become a transformer's input."""

    def model_input(self, latents: torch.Tensor) -> torch.Tensor:
        """What the transformer is given for `latents`, (1, C, T, H, W), in float32."""

    def timestep(self, t: torch.Tensor) -> torch.Tensor:
        """`t` for the whole video, (1,), or for each token, (1, tokens)."""

    def control(self) -> Mapping[str, torch.Tensor]:
        """What the transformer is given beyond that, by the names of its arguments."""

    def away(self) -> Mapping[str, torch.Tensor]:
        """What of `control` is another in the pass for the negative prompt."""

    def finish(self, latents: torch.Tensor) -> torch.Tensor:
        """What is to be decoded, once the last step is done."""


def build_conditioning(
    pipe: WanPipeline,
    request: GenerationRequest,
    noise: torch.Tensor,
    inputs: InputFiles,
    *,
    segment: int = 0,
    before: torch.Tensor | None = None,
) -> Conditioning:
    """The form that this checkpoint has for this request.

    Args:
        noise: the first latents; the rest takes their shape and device.
        inputs: the pictures it is to be made from; a held frame only ever begins.
        segment: which one of the request's.
        before: the frame that it goes on from, (1, 3, 1, H, W), -1 to 1; None in the first.
    """
    if isinstance(pipe.transformer, WanVACETransformer3DModel):
        return _Controlled(control_latents(pipe, request, inputs), len(inputs.references))
    if isinstance(pipe.transformer, WanAnimateTransformer3DModel):
        return _Animated(read_performance(pipe, request, inputs, segment, before))
    if inputs.image is None:
        return _HeldFrame(None, noise) if pipe.config.expand_timesteps else _Plain()
    first = image_pixels(pipe, request, inputs.image).to(noise.device)
    if pipe.config.expand_timesteps:
        return _HeldFrame(encode(pipe, first), noise)
    ends = [first]
    if inputs.last_image is not None:
        ends.append(image_pixels(pipe, request, inputs.last_image).to(noise.device))
    blank = first.new_zeros(1, 3, request.num_frames - len(ends), request.height, request.width)
    video = torch.cat([first, blank, *ends[1:]], dim=2)
    return _MaskedVideo(pipe, encode(pipe, video), is_last_known=len(ends) > 1)


class _Plain:
    """Nothing but the noise: A14B and the smaller ones from text."""

    def model_input(self, latents: torch.Tensor) -> torch.Tensor:
        return latents

    def timestep(self, t: torch.Tensor) -> torch.Tensor:
        return t.expand(1)

    def control(self) -> Mapping[str, torch.Tensor]:
        return {}

    def away(self) -> Mapping[str, torch.Tensor]:
        return {}

    def finish(self, latents: torch.Tensor) -> torch.Tensor:
        return latents


class _HeldFrame(_Plain):
    """TI2V-5B: every token has its timestep, and those of a given first frame stay at 0."""

    def __init__(self, frame: torch.Tensor | None, noise: torch.Tensor) -> None:
        """Takes `frame` as latents, (1, C, 1, H, W); None where the video begins with nothing."""
        self._frame = frame
        self._mask = torch.ones(1, 1, *noise.shape[2:], device=noise.device)  # (1, 1, T, H, W)
        if frame is not None:
            self._mask[:, :, 0] = 0

    def model_input(self, latents: torch.Tensor) -> torch.Tensor:
        if self._frame is None:
            return latents
        return (1 - self._mask) * self._frame + self._mask * latents

    def timestep(self, t: torch.Tensor) -> torch.Tensor:
        return (self._mask[0][0][:, ::2, ::2] * t).flatten().unsqueeze(0)

    def finish(self, latents: torch.Tensor) -> torch.Tensor:
        return self.model_input(latents)


class _MaskedVideo(_Plain):
    """I2V-A14B: 4 channels of mask and the images' latents beside the noise, 36 in all."""

    def __init__(self, pipe: WanPipeline, video: torch.Tensor, *, is_last_known: bool) -> None:
        """Takes `video`, (1, C, T, H, W): latents of the images, and of nothing between them."""
        stride = pipe.vae_scale_factor_temporal
        known = torch.zeros(1, stride, *video.shape[2:], device=video.device)
        known[:, :, 0] = 1  # the image stands for all pictures of the first latent frame
        if is_last_known:
            known[:, -1, -1] = 1  # of the last latent frame, one picture is known: its last
        self._given = torch.concat([known, video], dim=1)  # (1, 4 + C, T, H, W)

    def model_input(self, latents: torch.Tensor) -> torch.Tensor:
        return torch.cat([latents, self._given], dim=1)


class _Controlled(_Plain):
    """VACE: a second branch of the transformer reads the control; references come first, and go again."""

    def __init__(self, latents: torch.Tensor, references: int) -> None:
        """Takes the control, (1, 96, references + T, H, W)."""
        self._latents = latents
        self._references = references

    def control(self) -> Mapping[str, torch.Tensor]:
        return {"control_hidden_states": self._latents}

    def finish(self, latents: torch.Tensor) -> torch.Tensor:
        return latents[:, :, self._references :]


class _Animated(_Plain):
    """Animate: the character comes first, and goes again; pose and face lead every block."""

    def __init__(self, performance: Performance) -> None:
        self._performance = performance

    def model_input(self, latents: torch.Tensor) -> torch.Tensor:
        return torch.cat([latents, self._performance.latents], dim=1)

    def control(self) -> Mapping[str, torch.Tensor]:
        return {
            "encoder_hidden_states_image": self._performance.looks,
            "pose_hidden_states": self._performance.pose,
            "face_pixel_values": self._performance.face,
        }

    def away(self) -> Mapping[str, torch.Tensor]:
        return {"face_pixel_values": self._performance.face * 0 - 1}  # no face: black

    def finish(self, latents: torch.Tensor) -> torch.Tensor:
        return latents[:, :, 1:]
