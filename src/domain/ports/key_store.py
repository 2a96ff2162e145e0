"""Where API keys are kept."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from datetime import datetime

from domain.api_key import ApiKey


class KeyStore(ABC):
    """API keys, those that were revoked too. Blocking, and quick: nothing here waits long.

    The command line writes and a server reads at the same time: what one call kept, the next call of
    any process sees.
    """

    @abstractmethod
    def all(self) -> Sequence[ApiKey]:
        """Every key there ever was, the oldest first; none where none was made.

        Raises:
            KeysUnreadable: there is something, and it cannot be read. Never taken for no keys at all.
        """

    @abstractmethod
    def add(self, key: ApiKey) -> None:
        """Keep a new key, durably.

        Raises:
            KeyNameTaken: one that is not revoked has its name.
            KeysUnreadable, DiskFull, StorageError: it cannot be kept.
        """

    @abstractmethod
    def revoke(self, name: str, *, at: datetime) -> ApiKey:
        """Revoke the key that has that name or that id, durably. Returns it as it is now.

        Raises:
            UnknownKey: no key that is not revoked is called so.
            KeysUnreadable, DiskFull, StorageError: that cannot be kept.
        """
