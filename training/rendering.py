"""Draws scenes as clips: signed distances, one pixel of anti-aliasing, flat colours.

Knows nothing of captions or networks.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from training.scenes import Scene
from training.vocabulary import SHAPES

Distance = Callable[[Tensor, Tensor], Tensor]


@dataclass(frozen=True, slots=True, kw_only=True)
class Clips:
    """Drawn clips.

    Attributes:
        pixels: (B, 3, T, H, W), -1 to 1.
        coverage: (B, 1, T, H, W), the share of each pixel the object covers.
        distance_px: (B, 1, T, H, W), to the object's outline; negative inside.
    """

    pixels: Tensor
    coverage: Tensor
    distance_px: Tensor

    @property
    def edge(self) -> Tensor:
        """(B, 1, T, H, W), 1 on the object's rim and falling to 0 over a few pixels."""
        return (1.0 - (self.distance_px.abs() - 1.0) / 3.0).clamp(0.0, 1.0)


def render(
    scenes: Sequence[Scene],
    *,
    frames: int,
    side_px: int,
    window_px: int | None = None,
    window_origin_px: Tensor | None = None,
    device: torch.device | str = "cpu",
) -> Clips:
    """Draw scenes on a square canvas, or only a window of it.

    Args:
        frames: frames per clip; motion is uniform from the first to the last.
        side_px: the canvas side; a scene's unit.
        window_px: side of the part that is drawn; the whole canvas when absent.
        window_origin_px: (B, 2) top left corners (x, y) of the windows, zero when absent.
    """
    extent = window_px or side_px
    count = len(scenes)
    time = torch.linspace(0.0, 1.0, frames) if frames > 1 else torch.zeros(1)
    start = torch.tensor([s.start for s in scenes])[:, None]  # (B, 1, 2)
    end = torch.tensor([s.end for s in scenes])[:, None]
    centre = (start + (end - start) * time[None, :, None]) * side_px  # (B, T, 2)
    if window_origin_px is not None:
        centre = centre - window_origin_px[:, None]
    radii = torch.tensor([[s.start_radius, s.end_radius] for s in scenes]) * side_px
    radius = radii[:, :1] * (radii[:, 1:] / radii[:, :1]) ** time[None]  # (B, T)
    distance = _distances(
        [SHAPES.index(s.combination.shape) for s in scenes],
        centre.to(device),
        radius.to(device),
        extent,
    )
    distance = distance[:, None]  # (B, 1, T, H, W)
    coverage = (0.5 - distance).clamp(0.0, 1.0)
    front = _colours([s.rgb for s in scenes], count).to(device)
    back = _colours([s.background_rgb for s in scenes], count).to(device)
    return Clips(pixels=back + (front - back) * coverage, coverage=coverage, distance_px=distance)


def _colours(rgb: Sequence[tuple[float, float, float]], count: int) -> Tensor:
    return (torch.tensor(rgb) * 2.0 - 1.0).view(count, 3, 1, 1, 1)


def _distances(shapes: Sequence[int], centre: Tensor, radius: Tensor, extent: int) -> Tensor:
    """Signed distance in pixels to each object's outline: (B, T, H, W), negative inside."""
    axis = torch.arange(extent, device=centre.device, dtype=torch.float32) + 0.5
    scale = radius[..., None, None]
    x = (axis[None, None, None, :] - centre[..., 0, None, None]) / scale  # (B, T, 1, W)
    y = (axis[None, None, :, None] - centre[..., 1, None, None]) / scale  # (B, T, H, 1)
    kinds = torch.tensor(shapes)
    distance = x.new_empty(x.shape[0], x.shape[1], extent, extent)
    for kind in set(shapes):
        rows = (kinds == kind).nonzero().flatten().to(x.device)
        distance[rows] = _OUTLINES[kind](x[rows], y[rows])
    return distance * scale


def _circle(x: Tensor, y: Tensor) -> Tensor:
    return (x.square() + y.square()).sqrt() - 1.0


def _square(x: Tensor, y: Tensor) -> Tensor:
    return torch.maximum(x.abs(), y.abs()) - 0.88


def _triangle(x: Tensor, y: Tensor) -> Tensor:
    slanted = x.abs() * math.cos(math.pi / 6) - y * 0.5
    return torch.maximum(slanted, y) - 0.62


def _star(x: Tensor, y: Tensor) -> Tensor:
    # Two reflections fold the plane onto one tenth of the star, half a tip.
    sector = math.pi / 5
    up, side = -y, x.abs()
    for angle in (2 * sector, sector):
        normal = (math.sin(angle), -math.cos(angle))
        beyond = (up * normal[0] + side * normal[1]).clamp(max=0.0) * -2.0
        up, side = up + beyond * normal[0], side + beyond * normal[1]
        side = side.abs() if angle == sector else side
    outer, inner = 1.25, 0.54
    edge = (inner * math.cos(sector) - outer, inner * math.sin(sector))
    norm = math.hypot(*edge)
    return ((up - outer) * edge[1] - side.abs() * edge[0]) / norm


def _ring(x: Tensor, y: Tensor) -> Tensor:
    return ((x.square() + y.square()).sqrt() - 0.8).abs() - 0.22


def _cross(x: Tensor, y: Tensor) -> Tensor:
    wide = torch.maximum(x.abs() - 1.05, y.abs() - 0.36)
    tall = torch.maximum(x.abs() - 0.36, y.abs() - 1.05)
    return torch.minimum(wide, tall)


def _diamond(x: Tensor, y: Tensor) -> Tensor:
    return (x.abs() + y.abs() - 1.2) * math.sqrt(0.5)


def _hexagon(x: Tensor, y: Tensor) -> Tensor:
    slanted = x.abs() * 0.5 + y.abs() * math.cos(math.pi / 6)
    return torch.maximum(slanted, x.abs()) - 0.93


_OUTLINES: tuple[Distance, ...] = (
    _circle,
    _square,
    _triangle,
    _star,
    _ring,
    _cross,
    _diamond,
    _hexagon,
)
"""In the order of `SHAPES`; each takes coordinates in radii and gives a distance in radii."""


def outline_coverage(
    kind: int, *, centre_px: Sequence[float], area_px: float, side_px: int
) -> NDArray[np.float64]:
    """One shape of a given area: (side, side), the share of each pixel it covers.

    Args:
        kind: index into `SHAPES`.
        centre_px: centre (x, y); also the centre of mass of every shape.
    """
    radius = math.sqrt(area_px / _unit_area(kind))
    centre = torch.tensor([[[float(centre_px[0]), float(centre_px[1])]]])
    distance = _distances([kind], centre, torch.tensor([[radius]]), side_px)
    return (0.5 - distance).clamp(0.0, 1.0)[0, 0].double().numpy()


@cache
def _unit_area(kind: int) -> float:
    """Area of a shape of radius one, measured on a fine grid."""
    axis = torch.linspace(-1.5, 1.5, 1501)
    inside = _OUTLINES[kind](axis[None, None, None, :], axis[None, None, :, None]) < 0
    return float(inside.sum()) * 0.002**2
