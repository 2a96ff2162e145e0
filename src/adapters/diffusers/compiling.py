"""The repeated block of a transformer as one compiled program: faster, and not the bits of the plain one.

Sizes are left open, so that one program does for all (`dynamic=True`): a fixed list would have to be compiled for
again at each size that is not in it. Only around a run: what must not be compiled finds the plain blocks.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Final

import torch

from adapters.diffusers.fp8_weights import Fp8Linear
from domain.errors import WorkerUnavailable

#: What torch compiles with; the tests, which have no time for that, only trace.
INDUCTOR: Final = "inductor"
#: Told of the run whose first step compiles them.
COMPILED_FIRST: Final = (
    "The blocks are compiled in this run's first step, which takes longer than the others."
)
#: Programs of one block, for its odd sizes (a single token, say), until torch refuses a further one: by
#: itself it does from the ninth on.
_PROGRAMS: Final = 64


def insist_on_compiler(device: torch.device, backend: str = INDUCTOR) -> None:
    """Compile something small.

    Raises:
        WorkerUnavailable: that does not work here. Inductor needs a C++ compiler, and Triton on a GPU.
    """
    try:
        torch.compile(_doubled, backend=backend, fullgraph=True)(torch.ones(2, device=device))
    except (RuntimeError, ImportError, OSError) as error:
        told = str(error).strip().partition("\n")[0]
        raise WorkerUnavailable(
            f"pipeline.compile is regional, but torch cannot compile here: {told}"
        ) from error


def forget_programs() -> None:
    """Drop what was compiled: torch counts the programs of a block of all checkpoints together."""
    torch._dynamo.reset()  # noqa: SLF001 - its public name leads to the same


def why_not_compiled(transformers: Iterable[Any]) -> str | None:
    """What keeps blocks plain; None where nothing does.

    torch does not look for hooks that came after it compiled, and would leave them out in silence; layers of
    our own have not been compiled yet.
    """
    for transformer in transformers:
        for block in _repeated(transformer):
            if any(not _is_plain(part) for part in block.modules()):
                return (
                    "The blocks are not compiled in this run: LoRAs, weights that are undone as they work, or "
                    "streamed ones have changed them."
                )
    return None


@contextmanager
def compiled_blocks(transformers: Iterable[Any], backend: str = INDUCTOR) -> Iterator[None]:
    """Within it, the blocks of `transformers` run compiled; what was compiled before is used again."""
    blocks = [block for transformer in transformers for block in _repeated(transformer)]
    try:
        for block in blocks:
            block.compile(fullgraph=True, dynamic=True, backend=backend)
        with (
            # Else a video whose sides, or whose side and length, are equal makes a program of its own.
            # (torch gives its settings this method when they are imported; both have no public name.)
            torch.fx.experimental._config.patch(use_duck_shape=False),  # type: ignore[attr-defined]  # noqa: SLF001
            torch._dynamo.config.patch(recompile_limit=_PROGRAMS),  # noqa: SLF001
        ):
            yield
    finally:
        for block in blocks:
            block._compiled_call_impl = None  # noqa: SLF001 - what `compile` sets


def is_compiled(transformer: Any) -> bool:
    """Whether its blocks run compiled now."""
    return any(
        block._compiled_call_impl is not None  # noqa: SLF001 - as above
        for block in _repeated(transformer)
    )


def _repeated(transformer: Any) -> Iterator[Any]:
    names = transformer._repeated_blocks or ()  # noqa: SLF001 - diffusers' own list of them
    return (part for part in transformer.modules() if type(part).__name__ in names)


def _is_plain(part: torch.nn.Module) -> bool:
    """Whether it computes what torch's or diffusers' own class of that name does, and nothing else.

    Or in fp8: that is a handful of torch's own operations, of which compiling makes one.
    """
    told = vars(part)  # torch has no other way to ask
    if told["_forward_hooks"] or told["_forward_pre_hooks"] or "forward" in told:
        return False
    if isinstance(part, torch.nn.Linear):  # else one whose weights are unpacked as it works
        return type(part) in {torch.nn.Linear, Fp8Linear}
    return type(part).__module__.startswith(("torch.", "diffusers."))


def _doubled(numbers: torch.Tensor) -> torch.Tensor:
    return numbers * 2
