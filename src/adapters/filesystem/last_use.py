"""When each checkpoint was last used: the time of change of `<models>/.used/<checkpoint id>`.

Outside of the checkpoint's folder, so that using one does not look like a change of it.
"""

import logging
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

_log = logging.getLogger(__name__)

_FOLDER: Final = ".used"


def note_use(models: Path, checkpoint_id: str) -> None:
    """It is used now. A disk that cannot keep that stops no run."""
    try:
        (models / _FOLDER).mkdir(exist_ok=True)
        (models / _FOLDER / checkpoint_id).touch()
    except OSError as error:
        _log.warning("a use is not noted", extra={"checkpoint": checkpoint_id, "error": str(error)})


def last_use(models: Path, checkpoint_id: str, put_at: datetime) -> datetime:
    """When it was last used, or `put_at`, where it was put there and not used since."""
    try:
        noted = (models / _FOLDER / checkpoint_id).stat().st_mtime
    except OSError:
        return put_at
    return max(datetime.fromtimestamp(noted, UTC), put_at)


def forget_use(models: Path, checkpoint_id: str) -> None:
    """It is not here any more."""
    (models / _FOLDER / checkpoint_id).unlink(missing_ok=True)
