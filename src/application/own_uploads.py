"""Uploads are their owner's: what others uploaded does not exist for whoever has a key of their own."""

import asyncio
from collections.abc import Iterator

from domain.access import LOCAL, Caller
from domain.errors import InvalidRequest, Violation
from domain.generation import GenerationDraft
from domain.inputs import told_of_no_upload
from domain.ports.upload_owners import UploadOwners


class OwnUploads:
    """What one caller may make videos of."""

    def __init__(self, owners: UploadOwners, caller: Caller = LOCAL) -> None:
        self._owners = owners
        self._caller = caller

    def keep(self, upload_id: str) -> None:
        """What was just uploaded is the caller's; the local user needs no mark, and sees all. Blocking.

        Raises:
            DiskFull, StorageError: it could not be made durable.
        """
        if not self._caller.is_local:
            self._owners.add(upload_id, self._caller.client)

    async def refuse_others(self, draft: GenerationDraft) -> None:
        """Let a draft name the caller's own uploads only.

        Raises:
            InvalidRequest: in the words for what was never uploaded: nobody learns which it is.
        """
        named = () if self._caller.sees_all else tuple(_named(draft))
        if not named:
            return  # without another thread: most drafts are words alone
        violations = [
            Violation(pointer=f"/{field}", reason=told_of_no_upload(kind, upload_id))
            for field, kind, upload_id in named
            if not await asyncio.to_thread(self._owners.owns, upload_id, self._caller.client)
        ]
        if violations:
            raise InvalidRequest(violations)


def _named(draft: GenerationDraft) -> Iterator[tuple[str, str, str]]:
    """Each upload that the draft names: in which field, of what kind, and its id."""
    for field in ("image", "last_image"):
        if (named := getattr(draft, field)) is not None:
            yield field, "image", named
    for field in ("video", "control_video", "control_mask", "face_video"):
        if (named := getattr(draft, field)) is not None:
            yield field, "video", named
    for index, named in enumerate(draft.references or ()):
        yield f"references/{index}", "image", named
