"""Where checkpoints come from."""

from abc import ABC, abstractmethod
from collections.abc import Generator

from domain.repository import Listing


class ModelHub(ABC):
    """Repositories of checkpoints, on a network that may fail at any byte. Blocking.

    What it gives is hearsay: whoever takes it compares it with the listing's hashes.
    """

    @abstractmethod
    def listing(self, repository: str, revision: str) -> Listing:
        """Every file of the repository at the commit that `revision` means now.

        Args:
            revision: a branch, a tag or a commit.

        Raises:
            RepositoryUnknown: there is no such repository or revision, or it is private.
            RepositoryGated: its authors ask for consent first.
            HubUnreachable: nobody answers, or not now.
        """

    @abstractmethod
    def read(self, listing: Listing, name: str, start: int) -> Generator[bytes, None, None]:
        """A file's bytes from offset `start` to wherever the connection ends, as they come.

        Close the iterator to end the connection early.

        Raises:
            RepositoryUnknown, RepositoryGated: as `listing` does.
            HubUnreachable: the connection failed; what came before is good so far.
        """
