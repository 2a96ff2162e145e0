"""Fetch again what is wrong in a checkpoint that was pulled, and nothing else."""

import logging
from collections.abc import Sequence

from application.fetch_files import FetchFiles
from domain.checkpoint_manifest import FileFault, Manifest, Report
from domain.ports.checkpoint_store import CheckpointStore
from domain.repository import Listing
from domain.store_errors import NotPullable, not_here
from domain.stored_checkpoint import Origin

_log = logging.getLogger(__name__)


class RepairCheckpoint:
    """The manifest says which files; each takes its place only once it is proven."""

    def __init__(self, store: CheckpointStore, fetch: FetchFiles) -> None:
        self._store = store
        self._fetch = fetch

    def check(self, checkpoint_id: str) -> Manifest:
        """Find that it can be tried, in milliseconds. Returns what its files should be.

        Raises:
            CheckpointMissing: it is not here: pull it.
            NotPullable: it was not pulled, so that nobody knows where its files are.
        """
        stored = self._store.stored(checkpoint_id)
        if stored is None:
            raise not_here(checkpoint_id)
        if stored.origin is Origin.CONVERTED:
            raise NotPullable(
                f"{checkpoint_id} was converted here ({stored.source}): it cannot be fetched as it is. {stored.remake}"
            )
        if stored.origin is not Origin.PULLED or stored.manifest is None:
            raise NotPullable(
                f"{checkpoint_id} was not pulled ({stored.source}): there is nowhere to fetch its files "
                f"from. wan models verify {checkpoint_id} says what helps."
            )
        return stored.manifest

    def execute(self, checkpoint_id: str, report: Report) -> Sequence[FileFault]:
        """Read every byte, then fetch the files that are wrong. Returns what was wrong.

        Raises:
            CheckpointMissing, NotPullable: as `check` does.
            CheckpointBusy, DiskFull, HubError: as `PullCheckpoint` does.
        """
        manifest = self.check(checkpoint_id)
        faults = self._store.verify(checkpoint_id, report)
        wrong = {fault.name for fault in faults}
        if wrong:
            listing = Listing(
                repository=manifest.repository or "",
                revision=manifest.revision or "",
                files=tuple(file.listed for file in manifest.files if file.name in wrong),
            )
            with self._store.stage(checkpoint_id, listing) as staging:
                self._fetch.execute(listing, staging, report)
                staging.publish()
            _log.info("repaired", extra={"checkpoint": checkpoint_id, "files": len(wrong)})
        return faults
