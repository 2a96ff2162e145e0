"""Where things lie on the server is nobody's business but its owner's: names stay, folders go."""

import re
from typing import Final

#: An absolute path of at least one folder; neither a URL's nor one of our own routes.
_PATH: Final = re.compile(
    r"(?<![\w/.~])/(?!/|api/|v1/)(?:[^\s/'\"`,;:()]+/)+(?P<name>[^\s/'\"`,;:()]*)"
)


def without_paths(text: str) -> str:
    """`text` with only the last name of each absolute path in it, after an ellipsis for the rest."""
    return _PATH.sub(r"…/\g<name>", text)


def optional_without_paths(text: str | None) -> str | None:
    """The same of what may not be there."""
    return None if text is None else without_paths(text)
