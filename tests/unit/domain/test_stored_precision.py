"""What a plan says of files that are not stored as they are run, or are not here."""

from pathlib import Path

import pytest

from application.estimate_generation import Imagined
from domain.checkpoint import checkpoint_spec
from domain.demand import GIB, demand
from domain.errors import DoesNotFit
from domain.hardware import Capacity
from domain.known_structures import STRUCTURES, fp32_download_bytes
from domain.local_checkpoint import Component, LocalCheckpoint
from domain.memory_plan import plan_memory, plan_tighter, work_of
from domain.overflow import overflow_of
from domain.progress import Stage

COMMAND = "`wan models convert t2v-A14B`"


def stored(**dtypes: str) -> LocalCheckpoint:
    """T2V-A14B, all in bf16 but the VAE and what is named."""
    names = ("transformer", "transformer_2", "text_encoder")
    parts = dict.fromkeys(names, "BF16") | {"vae": "F32"} | dtypes
    return LocalCheckpoint(
        spec=checkpoint_spec("t2v-A14B"),
        folder=Path("/models/t2v-A14B"),
        components=tuple(
            Component(name=name, weight_bytes=0, dtypes=(dtype,)) for name, dtype in parts.items()
        ),
        structure=STRUCTURES["t2v-A14B"],
    )


def reasons(
    local: LocalCheckpoint | None = None,
    *,
    checkpoint: str = "t2v-A14B",
    card: int | None = 24,
    host: int = 128,
) -> str:
    spec = checkpoint_spec(checkpoint)
    capacity = Capacity(accelerator_bytes=card and card * GIB, host_bytes=host * GIB)
    planned = plan_memory(Imagined().request(spec), spec, local, capacity)
    return " ".join(planned.reasons)


def test_files_in_fp32_are_told_with_the_command_and_what_it_saves() -> None:
    told = reasons(stored(transformer="F32", transformer_2="F32"))

    assert COMMAND in told
    assert "saves up to 53.3 GiB of host memory" in told
    assert "as they were made" not in told


def test_an_encoder_in_fp32_is_told_too() -> None:
    assert "saves up to 10.6 GiB of host memory" in reasons(stored(text_encoder="F32"))


def test_files_as_they_are_run_need_no_command() -> None:
    assert COMMAND not in reasons(stored())


def test_on_a_cpu_weights_are_run_in_fp32_and_nothing_is_to_be_converted() -> None:
    told = reasons(stored(transformer="F32", transformer_2="F32"), card=None, host=512)

    assert COMMAND not in told


def test_what_would_fit_once_it_is_converted_is_told_so() -> None:
    # Planned for bf16 before the pull it fits, and with the repository's files it was refused.
    local = stored(transformer="F32", transformer_2="F32")
    assert reasons(None, host=32)

    with pytest.raises(DoesNotFit, match=f"as it is, it fits after {COMMAND}"):
        reasons(local, host=32)


def test_what_found_no_room_is_not_mended_by_converting() -> None:
    # It was planned as it lies, and overflowed: converted, it would hold as much on the accelerator.
    local = stored(transformer="F32", transformer_2="F32")
    spec, structure = local.spec, STRUCTURES["t2v-A14B"]
    request = Imagined().request(spec)
    capacity = Capacity(accelerator_bytes=24 * GIB, host_bytes=128 * GIB)
    planned = plan_memory(request, spec, local, capacity)
    assert planned.placement is not None
    needs = demand(work_of(request, spec, structure, local), planned.placement)
    full = overflow_of(Stage.DENOISING, needs, available_bytes=24 * GIB)

    with pytest.raises(DoesNotFit) as refused:
        plan_tighter(
            planned, request, spec, local, capacity, history=(), loras=(), overflows=[full]
        )

    assert COMMAND not in refused.value.message


def test_what_converting_does_not_mend_is_told_without_it() -> None:
    with pytest.raises(DoesNotFit) as refused:
        reasons(stored(transformer="F32", transformer_2="F32"), card=1, host=1)

    assert COMMAND not in refused.value.message


def test_files_that_are_not_here_are_planned_in_bf16_and_told_as_they_are_fetched() -> None:
    told = reasons()

    assert "planned for files in bf16" in told
    assert "transformers in fp32, 117.5 GiB to fetch with all else" in told
    assert "`wan models pull t2v-A14B --convert`" in told


def test_a_repository_whose_precision_is_not_known_is_told_so() -> None:
    told = reasons(checkpoint="vace-14B", card=80)

    assert "In which precision its repository has them is told once they are pulled." in told


@pytest.mark.parametrize(
    ("checkpoint", "gigabytes"),
    [("t2v-A14B", 126), ("i2v-A14B", 126), ("ti2v-5B", 34), ("t2v-1.3B", None)],
)
def test_what_a_pull_fetches_is_counted(checkpoint: str, gigabytes: int | None) -> None:
    # 126 GB is what was fetched of T2V-A14B: decision record 0018.
    size = fp32_download_bytes(checkpoint)

    assert (size and round(size / 1e9)) == gigabytes
