"""What the simulation draws from: the faults, keys and places there are."""

from hypothesis import strategies as st

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
from tests.unit.simulation.world import SLOTS

rarely = st.integers(0, 7).map(lambda drawn: not drawn)
numbers = st.integers(0, SLOTS - 1)
picks = st.integers(0, 63)
priorities = st.integers(0, 2)
errors = st.sampled_from(
    [
        WorkerCrashed(),
        WorkerUnavailable(),
        AcceleratorFault(),
        CheckpointMissing(),
        OutOfAcceleratorMemory(),
        RenderFailed(),
        EncodingFailed(),
        StorageError(),
        PromptTooLong(),
    ]
)
keys = st.sampled_from([None, None, None, ("k1", b"a cat"), ("k1", b"a dog"), ("k2", b"a cat")])
