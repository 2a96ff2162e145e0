"""What a plan says of files that are stored in another precision than they are run in, or are not here yet."""

from collections.abc import Sequence
from dataclasses import replace

from domain.checkpoint import CheckpointSpec
from domain.demand import Work, is_converted
from domain.hardware import Capacity
from domain.known_structures import fp32_download_bytes
from domain.overflow import Overflow
from domain.placement import Placement
from domain.placement_choice import choose
from domain.repository import REPOSITORIES
from domain.sizes import gib
from domain.structure import Precision


def told_of_files(work: Work, placement: Placement, spec: CheckpointSpec) -> Sequence[str]:
    """What its files are, where another command would make them better; nothing of a miniature's."""
    if spec.id not in REPOSITORIES:
        return ()
    if not work.stored_as:
        return (_absent(placement, spec),)
    converted = as_run(work)
    if placement.is_on_cpu or converted == work:
        return ()
    told = (
        f"`wan models convert {spec.id}` stores its files as they are run, once, which saves up to "
        f"{gib(_converted_bytes(work))} of host memory, and the time to convert them each time they are loaded."
    )
    return (told,)


def what_converting_mends(
    work: Work, spec: CheckpointSpec, capacity: Capacity, overflows: Sequence[Overflow] = ()
) -> str:
    """A sentence for what does not fit, where it would if its files were stored as they are run; else nothing."""
    converted = as_run(work)
    if spec.id not in REPOSITORIES or converted == work:
        return ""
    if not choose(converted, capacity, overflows=overflows):
        return ""
    return (
        "Its files are stored in another precision than they are run in: as it is, it fits after "
        f"`wan models convert {spec.id}`. "
    )


def as_run(work: Work) -> Work:
    """The same with its files stored in the precisions they are run in on an accelerator."""
    stored_as = {
        name: Precision.BF16 if name != "vae" and is_converted(work, name) else precision
        for name, precision in work.stored_as.items()
    }
    return replace(work, stored_as=stored_as)


def _converted_bytes(work: Work) -> int:
    """What loading its files makes in host memory that would be mapped if they were stored as they are run."""
    structure, bf16 = work.structure, Precision.BF16
    sizes = {
        "text_encoder": structure.text_encoder.weight_bytes(bf16),
        "image_encoder": structure.image_encoder_bytes(bf16),
    }
    sizes |= dict.fromkeys(
        ("transformer", "transformer_2"), structure.transformer.weight_bytes(bf16)
    )
    return sum(
        size for name, size in sizes.items() if name in work.stored_as and is_converted(work, name)
    )


def _absent(placement: Placement, spec: CheckpointSpec) -> str:
    if placement.is_on_cpu:
        told = "None of its files are here."
    else:
        told = "None of its files are here: this is planned for files in bf16."
    size = fp32_download_bytes(spec.id)
    if size is None:
        return f"{told} In which precision its repository has them is told once they are pulled."
    told += f" Its repository has the transformers in fp32, {gib(size)} to fetch with all else"
    if placement.is_on_cpu:
        return f"{told}."
    return f"{told}: `wan models pull {spec.id} --convert` makes them bf16 once they are here."
