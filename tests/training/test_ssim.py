"""The benchmark's likeness of pictures, against the formula itself."""

import numpy as np
import pytest

from benchmarks.presets import ssim

pytestmark = pytest.mark.slow
C1, C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2


def noise(seed: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, shape, np.uint8)


def test_a_single_window_is_the_formula_of_its_paper() -> None:
    a, b = noise(0, 7, 7), noise(1, 7, 7)
    x, y = a.astype(float).ravel(), b.astype(float).ravel()

    covariance = np.cov(x, y)
    means = (2 * x.mean() * y.mean() + C1) / (x.mean() ** 2 + y.mean() ** 2 + C1)
    contrast = (2 * covariance[0, 1] + C2) / (covariance[0, 0] + covariance[1, 1] + C2)
    assert ssim(a, b) == pytest.approx(means * contrast)


def test_pictures_without_structure_differ_in_brightness_alone() -> None:
    dark, bright = np.full((9, 9, 3), 60, np.uint8), np.full((9, 9, 3), 180, np.uint8)

    assert ssim(dark, bright) == pytest.approx((2 * 60 * 180 + C1) / (60**2 + 180**2 + C1))


def test_every_window_counts_once() -> None:
    a, b = noise(2, 12, 10, 3), noise(3, 12, 10, 3)

    windows = [
        ssim(a[row : row + 7, column : column + 7], b[row : row + 7, column : column + 7])
        for row in range(6)
        for column in range(4)
    ]
    assert ssim(a, b) == pytest.approx(np.mean(windows))
    assert ssim(a, a) == pytest.approx(1.0)
