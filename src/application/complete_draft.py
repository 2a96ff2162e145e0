"""Turn what a user said into a request that this machine can carry out."""

import secrets
from collections.abc import Callable

from domain.checkpoint import DEFAULT_CHECKPOINT, checkpoint_spec
from domain.generation import MAX_SEED, GenerationDraft, GenerationRequest
from domain.local_checkpoint import LocalCheckpoint
from domain.ports.checkpoint_catalog import CheckpointCatalog


def draw_seed() -> int:
    """A seed nobody chose."""
    return secrets.randbelow(MAX_SEED + 1)


class CompleteDraft:
    """Judges the request first and the weights second: a typing error is told even without weights."""

    def __init__(
        self, catalog: CheckpointCatalog, draw_seed: Callable[[], int] = draw_seed
    ) -> None:
        self._catalog = catalog
        self._draw_seed = draw_seed

    def execute(self, draft: GenerationDraft) -> tuple[GenerationRequest, LocalCheckpoint]:
        """The complete request, and the weights it will run on. Blocks for a few file headers.

        Raises:
            InvalidRequest, UnknownCheckpoint, CheckpointUnavailable: it cannot be done.
        """
        spec = checkpoint_spec(draft.checkpoint or DEFAULT_CHECKPOINT)
        request = draft.complete(spec, drawn_seed=self._draw_seed())
        return request, self._catalog.find(spec.id)
