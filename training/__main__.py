"""Command line: `python -m training STAGE... --budget mini`.

Each stage resumes where it was stopped and does nothing when it is done; `all` runs the chain.
"""

import argparse
import logging
import os
from collections.abc import Callable, Sequence
from pathlib import Path

import torch

from training import autoencoder, flow, gate, latents, release, text
from training.budgets import BUDGETS, Budget
from training.runs import Run

Stages = dict[str, Callable[[Budget, Run], None]]

STAGES: Stages = {
    "vae-images": autoencoder.train_images,
    "vae-video": autoencoder.train_video,
    "gate": gate.gate_autoencoder,
    "captions": latents.draw_captions,
    "latents-image": latents.encode_images,
    "latents-video": latents.encode_videos,
    "text": text.train_text,
    "base-images": flow.train_base_images,
    "base-video": flow.train_base_video,
    "high-noise": flow.train_high_noise,
    "low-noise": flow.train_low_noise,
    "text-and-image": flow.train_text_and_image,
    "vae-polish": autoencoder.polish_decoder,
}
RELEASE, CARDS, ADOPT, ALL = "release", "cards", "adopt", "all"

#: What was measured of the checkpoints that ship.
FIGURES = Path(__file__).with_name("figures.json")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run some stages, or all of them in order."""
    parser = argparse.ArgumentParser(prog="python -m training", description=__doc__)
    parser.add_argument("stages", nargs="+", choices=[*STAGES, ADOPT, RELEASE, CARDS, ALL])
    parser.add_argument("--budget", choices=list(BUDGETS), default="mini")
    parser.add_argument("--run-dir", type=Path, default=Path(".training"))
    parser.add_argument("--target", type=Path, default=Path("src/adapters/embedded"))
    parser.add_argument("--figures", type=Path, default=FIGURES, help="what `cards` tells")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--compile", action=argparse.BooleanOptionalAction, default=False)
    options = parser.parse_args(arguments)

    logging.getLogger("diffusers").setLevel(logging.ERROR)
    torch.set_num_threads(options.threads)
    run = Run(
        options.run_dir / options.budget,
        device=torch.device(options.device),
        seed=options.seed,
        compiles=options.compile,
    )
    budget = BUDGETS[options.budget]
    for name in [*STAGES, RELEASE] if options.stages == [ALL] else options.stages:
        if name == RELEASE:
            release.release(budget, run, options.target)
        elif name == CARDS:
            release.write_cards(budget, options.target, options.figures)
        elif name == ADOPT:
            release.adopt(run, options.target)
        else:
            STAGES[name](budget, run)


if __name__ == "__main__":
    main()
