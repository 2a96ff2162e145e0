"""Excerpts in memory."""

from domain.errors import StorageError
from domain.excerpts import Excerpts
from domain.ports.excerpt_store import ExcerptStore


class FakeExcerptStore(ExcerptStore):
    """Set `refusal` and nothing can be kept."""

    def __init__(self) -> None:
        self.kept: dict[str, Excerpts] = {}
        self.refusal: StorageError | None = None

    def find(self, sha256: str) -> Excerpts | None:
        return self.kept.get(sha256)

    def keep(self, sha256: str, excerpts: Excerpts) -> None:
        if self.refusal:
            raise self.refusal
        self.kept[sha256] = excerpts

    def forget(self, sha256: str) -> None:
        self.kept.pop(sha256, None)
