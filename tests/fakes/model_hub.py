"""A hub whose troubles are written down beforehand."""

import hashlib
from collections.abc import Generator, Mapping
from dataclasses import dataclass, field

from domain.ports.model_hub import ModelHub
from domain.repository import ListedFile, Listing
from domain.store_errors import HubUnreachable, RepositoryUnknown
from tests.fakes.checkpoint_store import git_sha1

COMMIT = "0123456789abcdef0123456789abcdef01234567"


def listed(name: str, content: bytes) -> ListedFile:
    """As a hub lists it: weights by their SHA-256, the rest by git's name."""
    if name.endswith(".safetensors"):
        sha256 = hashlib.sha256(content).hexdigest()
        return ListedFile(name=name, size_bytes=len(content), sha256=sha256)
    return ListedFile(name=name, size_bytes=len(content), git_sha1=git_sha1(content))


@dataclass
class FakeModelHub(ModelHub):
    """One repository per key, all of them at `commit`.

    Attributes:
        cuts: bytes after which each of the next readings fails; those that follow go well.
        wrong: how many of the next readings give a wrong first byte.
        readings: (name, start) of each.
    """

    repositories: Mapping[str, Mapping[str, bytes]]
    commit: str = COMMIT
    cuts: list[int] = field(default_factory=list)
    wrong: int = 0
    chunk: int = 7
    readings: list[tuple[str, int]] = field(default_factory=list)
    listings: list[tuple[str, str]] = field(default_factory=list)

    def listing(self, repository: str, revision: str) -> Listing:
        self.listings.append((repository, revision))
        if repository not in self.repositories or revision not in {"main", self.commit}:
            raise RepositoryUnknown
        files = self.repositories[repository]
        return Listing(
            repository=repository,
            revision=self.commit,
            files=tuple(listed(name, content) for name, content in files.items()),
        )

    def read(self, listing: Listing, name: str, start: int) -> Generator[bytes, None, None]:
        self.readings.append((name, start))
        content = self.repositories[listing.repository].get(name)
        if content is None:
            raise RepositoryUnknown
        if self.wrong and start == 0:
            self.wrong -= 1
            content = bytes([content[0] ^ 1]) + content[1:]
        end = start + self.cuts.pop(0) if self.cuts else len(content)
        for offset in range(start, min(end, len(content)), self.chunk):
            yield content[offset : min(offset + self.chunk, end)]
        if end < len(content):
            raise HubUnreachable
