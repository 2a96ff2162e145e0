"""What the simulation draws from: the faults, keys and places there are."""

from domain.errors import (
    AcceleratorFault,
    CheckpointMissing,
    EncodingFailed,
    OutOfAcceleratorMemory,
    PromptTooLong,
    RenderFailed,
    StorageError,
    WorkerCrashed,
    WorkerUnavailable,
)
from tests.unit.simulation.lives import one_of
from tests.unit.simulation.world import SLOTS

either = one_of(False, True)
rarely = one_of(True, *[False] * 7)
numbers = one_of(*range(SLOTS))
picks = one_of(*range(64))
priorities = one_of(0, 1, 2)
errors = one_of(
    WorkerCrashed(),
    WorkerUnavailable(),
    AcceleratorFault(),
    CheckpointMissing(),
    OutOfAcceleratorMemory(),
    RenderFailed(),
    EncodingFailed(),
    StorageError(),
    PromptTooLong(),
)
keys = one_of(None, None, None, ("k1", b"a cat"), ("k1", b"a dog"), ("k2", b"a cat"))
