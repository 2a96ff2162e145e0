"""Owners of uploads in memory."""

from domain.ports.upload_owners import UploadOwners


class FakeUploadOwners(UploadOwners):
    """A set of pairs."""

    def __init__(self) -> None:
        self._pairs: set[tuple[str, str]] = set()

    def add(self, upload_id: str, client: str) -> None:
        self._pairs.add((upload_id, client))

    def owns(self, upload_id: str, client: str) -> bool:
        return (upload_id, client) in self._pairs
