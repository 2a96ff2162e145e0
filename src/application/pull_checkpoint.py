"""Fetch a checkpoint from its repository; nobody sees it before every byte of it is proven."""

import logging
from dataclasses import dataclass

from application.fetch_files import FetchFiles
from domain.checkpoint import CHECKPOINTS, checkpoint_spec
from domain.checkpoint_manifest import Report
from domain.errors import CheckpointMissing, DiskFull
from domain.ports.checkpoint_store import CheckpointStore
from domain.ports.model_hub import ModelHub
from domain.repository import DEFAULT_REVISION, REPOSITORIES, Listing, is_taken
from domain.sizes import gib
from domain.store_errors import NotPullable, PlaceTaken
from domain.stored_checkpoint import Origin, StoredCheckpoint, UnfinishedTransfer, room_makers

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pulled:
    """A checkpoint that is here now. `was_here`: it was before; nothing was fetched."""

    stored: StoredCheckpoint
    was_here: bool


class PullCheckpoint:
    """One commit, asked for once: a pull that was cut goes on with the same (decision record 0018)."""

    def __init__(self, store: CheckpointStore, hub: ModelHub, fetch: FetchFiles) -> None:
        self._store = store
        self._hub = hub
        self._fetch = fetch

    def check(self, checkpoint_id: str) -> str:
        """Find that it can be tried. Returns its repository.

        Raises:
            UnknownCheckpoint, NotPullable: as `execute` does.
        """
        spec = checkpoint_spec(checkpoint_id)
        if spec.id not in REPOSITORIES:
            raise NotPullable(
                f"{spec.id} has no repository to pull from. Those that have: {', '.join(REPOSITORIES)}."
            )
        return REPOSITORIES[spec.id]

    def offer(self, checkpoint_id: str) -> Listing:
        """What a pull would bring here now; the hub is asked, unless one of it is unfinished.

        Raises:
            UnknownCheckpoint, NotPullable, HubError: as `execute` does.
        """
        repository = self.check(checkpoint_id)
        return self._listing(repository, None, self._store.unfinished(checkpoint_id))

    def execute(self, checkpoint_id: str, revision: str | None, report: Report) -> Pulled:
        """Bring the checkpoint here, or find it here. Blocks: for hours, where it is large.

        Args:
            revision: a branch, tag or commit; None is what an unfinished pull began with, else `main`.

        Raises:
            UnknownCheckpoint: no checkpoint has that id.
            NotPullable: it has no repository, or a pull of another revision is unfinished.
            PlaceTaken: other files lie in its place, or not all of its own.
            CheckpointBusy: it is being fetched already.
            DiskFull: it does not fit; the message names what could be removed, the least recently used first.
            HubError: it cannot be had.
            CheckpointUnavailable: what came is not that checkpoint.
        """
        repository = self.check(checkpoint_id)
        if stored := self._store.stored(checkpoint_id):
            _refuse_unless_it(stored, revision)
            return Pulled(stored=stored, was_here=True)
        listing = self._listing(repository, revision, self._store.unfinished(checkpoint_id))
        _log.info("pulling", extra={"checkpoint": checkpoint_id, "revision": listing.revision})
        with self._store.stage(checkpoint_id, listing) as staging:
            try:
                self._fetch.execute(listing, staging, report)
            except DiskFull as error:
                # A disk that filled up meanwhile does not say how much it lacks: one is named then.
                told = self._what_would_make_room(error.lacking_bytes or 1)
                raise DiskFull(f"{error.message}{told}") from error
            staging.publish()
        stored = self._store.stored(checkpoint_id)
        if stored is None:
            raise CheckpointMissing(f"{checkpoint_id} was removed as soon as it was here.")
        return Pulled(stored=stored, was_here=False)

    def _what_would_make_room(self, lacking_bytes: int) -> str:
        found = [self._store.stored(spec.id) for spec in CHECKPOINTS]
        makers = room_makers([one for one in found if one], lacking_bytes)
        told = "".join(
            f" wan models remove {one.checkpoint_id} would free {gib(one.own_bytes)} "
            f"({one.told_use})."
            for one in makers
        )
        if not makers:
            return ""
        is_enough = sum(one.own_bytes for one in makers) >= lacking_bytes
        return told if is_enough else f"{told} That would still not be enough."

    def _listing(
        self, repository: str, revision: str | None, unfinished: UnfinishedTransfer | None
    ) -> Listing:
        if unfinished is not None and unfinished.listing.has_transformer:
            listing = unfinished.listing
            if revision in (None, listing.revision):
                return listing
            raise NotPullable(
                f"A pull of {repository} at {listing.revision} is unfinished. Go on with it without a "
                f"revision, or drop it: wan models remove {unfinished.checkpoint_id}."
            )
        return self._hub.listing(repository, revision or DEFAULT_REVISION).only(is_taken)


def _refuse_unless_it(stored: StoredCheckpoint, revision: str | None) -> None:
    """Do nothing where what lies there is what would be pulled."""
    here = stored.manifest.revision if stored.manifest else None
    if not stored.is_from_its_repository or revision not in (None, here):
        stored.refuse_another()
    if stored.is_short:
        mend = f"wan models repair {stored.checkpoint_id}."
        if stored.origin is Origin.CONVERTED:
            mend = stored.remake
        raise PlaceTaken(f"{stored.folder} was pulled before and is not whole any more: {mend}")
