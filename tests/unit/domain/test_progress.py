"""How far along a run is."""

import pytest

from domain.progress import Stage, progress


@pytest.mark.parametrize("stage", [Stage.LOADING, Stage.ENCODING_PROMPT, Stage.DENOISING])
def test_what_an_earlier_run_denoised_is_done_already(stage: Stage) -> None:
    assert progress(stage, step=5, steps=10) == progress(Stage.DENOISING, step=5, steps=10)


def test_progress_grows_from_nothing_to_nearly_all_through_the_stages() -> None:
    run = [(stage, 0) for stage in Stage if stage.order < Stage.DENOISING.order]
    run += [(Stage.DENOISING, step) for step in range(11)]
    run += [(Stage.DECODING, 10), (Stage.ENCODING_VIDEO, 10)]

    shares = [progress(stage, step=step, steps=10) for stage, step in run]

    assert shares == sorted(shares)
    assert (shares[0], shares[-1]) == (0.0, 0.98)


def test_a_segment_that_is_decoded_before_the_next_one_is_denoised_takes_nothing_back() -> None:
    segment = (Stage.ENCODING_PROMPT, Stage.DENOISING)
    run = [(stage, 0) for stage in segment] + [(Stage.DENOISING, 1), (Stage.DECODING, 1)]
    run += [(stage, 1) for stage in segment] + [(Stage.DENOISING, 2), (Stage.DECODING, 2)]

    shares = [progress(stage, step=step, steps=2) for stage, step in run]

    assert shares == sorted(shares)
    assert shares[-1] == 0.88


@pytest.mark.parametrize(("step", "share"), [(0, 0.08), (5, 0.48), (10, 0.88)])
def test_denoising_is_counted_in_steps(step: int, share: float) -> None:
    assert progress(Stage.DENOISING, step=step, steps=10) == share
