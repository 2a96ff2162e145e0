"""Say what one thinks of a video."""

from application.own_library import OwnLibrary
from domain.access import LOCAL, Caller
from domain.library import LibraryEntry
from domain.ports.library import Library


class JudgeOutput:
    """Stars and favourites."""

    def __init__(self, library: Library, *, caller: Caller = LOCAL) -> None:
        self._library = OwnLibrary(library, caller)

    async def execute(
        self, job_id: str, *, rating: int | None, is_favourite: bool | None
    ) -> LibraryEntry:
        """The entry as it is then; None leaves as it is.

        Raises:
            UnknownJob: there is none with that id.
            OutputMissing: it has no video.
        """
        return await self._library.update(
            job_id, lambda entry: entry.judge(rating=rating, is_favourite=is_favourite)
        )
