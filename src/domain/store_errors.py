"""Every way the store of checkpoints can say no; `domain.errors` has the rest, and the rules.

DomainError
├── CheckpointUnavailable
│   └── CheckpointUnverifiable  nothing says what its files should be
├── Conflict
│   ├── NotRemovable            the checkpoint is not ours to take away
│   ├── NotPullable             there is nowhere to fetch it from
│   ├── NotConvertible          its files are not ours to replace
│   ├── PlaceTaken              other files lie where the checkpoint belongs
│   ├── CheckpointBusy
│   └── NoWork
├── WeightsUnrecognised         files that are no checkpoint, or not the one that was named
├── HubError                    a checkpoint could not be fetched
│   ├── HubUnreachable
│   ├── RepositoryUnknown
│   ├── RepositoryGated
│   └── DownloadCorrupt
└── TransferStopped
"""

from domain.errors import CheckpointMissing, CheckpointUnavailable, Conflict, DomainError


class CheckpointUnverifiable(CheckpointUnavailable):
    """No manifest says what the checkpoint's files should be."""

    code = "model-unverifiable"


class NotRemovable(Conflict):
    """This checkpoint was not put there by Wan Studio, which therefore does not remove it."""

    code = "not-removable"


class NotPullable(Conflict):
    """Nobody knows where this checkpoint can be fetched from."""

    code = "not-pullable"


class NotConvertible(Conflict):
    """The files of this checkpoint are not Wan Studio's to replace by others."""

    code = "not-convertible"


class PlaceTaken(Conflict):
    """Other files lie where the checkpoint belongs: take them away first."""

    code = "model-place-taken"


class CheckpointBusy(Conflict):
    """This checkpoint is being worked on already: wait for that to end."""

    code = "model-busy"
    retryable = True


class WeightsUnrecognised(DomainError):
    """These files are no weights that Wan Studio can use."""

    code = "weights-unrecognised"


class HubError(DomainError):
    """The checkpoint could not be fetched from its repository."""

    code = "hub"


class HubUnreachable(HubError):
    """The model hub cannot be reached: look at the network, then try again; it goes on where it was."""

    code = "hub-unreachable"
    retryable = True


class RepositoryUnknown(HubError):
    """The model hub has no such repository, revision or file."""

    code = "repository-unknown"


class RepositoryGated(HubError):
    """The repository is not open to everyone: accept its terms, then set HF_TOKEN."""

    code = "repository-gated"


class DownloadCorrupt(HubError):
    """The model hub gave other bytes than it listed."""

    code = "download-corrupt"
    retryable = True


class NoWork(Conflict):
    """Nothing is being done with that checkpoint."""

    code = "no-work"


class TransferStopped(DomainError):
    """The transfer was stopped; asked for again, it goes on where it was."""

    code = "transfer-stopped"
    retryable = True


def not_here(checkpoint_id: str) -> CheckpointMissing:
    """What is said where files are asked for that were never fetched."""
    return CheckpointMissing(
        f"{checkpoint_id} is not on this machine: `wan models pull {checkpoint_id}` fetches it."
    )
