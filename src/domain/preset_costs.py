"""What each preset costs on the miniatures. Made by `python benchmarks/presets.py`, not by hand."""

from typing import Final

from domain.presets import PresetCost

MEASURED: Final = "benchmarks/presets.py --clips 48, 2 CPUs, x86_64, 1 thread, 2026-11-28"

COSTS: Final[tuple[PresetCost, ...]] = (
    PresetCost(
        preset="balanced",
        checkpoint="mini",
        clips=48,
        forwards=0.79,
        seconds=0.82,
        psnr_db=41.1,
        worst_psnr_db=26.3,
        ssim=0.988,
        right_exactly=42,
        right=43,
        chance=1.0,
    ),
    PresetCost(
        preset="draft",
        checkpoint="mini",
        clips=48,
        forwards=0.64,
        seconds=0.68,
        psnr_db=28.1,
        worst_psnr_db=20.0,
        ssim=0.951,
        right_exactly=42,
        right=40,
        chance=0.625,
    ),
    PresetCost(
        preset="balanced",
        checkpoint="mini-ti2v",
        clips=48,
        forwards=0.76,
        seconds=0.77,
        psnr_db=38.6,
        worst_psnr_db=26.0,
        ssim=0.987,
        right_exactly=41,
        right=41,
        chance=1.0,
    ),
    PresetCost(
        preset="draft",
        checkpoint="mini-ti2v",
        clips=48,
        forwards=0.57,
        seconds=0.56,
        psnr_db=27.5,
        worst_psnr_db=20.7,
        ssim=0.947,
        right_exactly=41,
        right=40,
        chance=1.0,
    ),
)
