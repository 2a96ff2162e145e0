"""The Hugging Face hub, or whatever speaks like it at another address.

Resuming, proving and placing files is not done here: huggingface_hub's own downloads begin anew after a
cut and check the size alone (decision record 0018).
"""

from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from http import HTTPStatus
from typing import Final

import httpx2
from huggingface_hub import HfApi, get_session, hf_hub_url, hf_raise_for_status
from huggingface_hub.errors import (
    EntryNotFoundError,
    GatedRepoError,
    HfHubHTTPError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from huggingface_hub.hf_api import RepoSibling
from huggingface_hub.utils import build_hf_headers  # type: ignore[attr-defined]  # public, unmarked

from domain.ports import model_hub
from domain.repository import ListedFile, Listing
from domain.store_errors import HubError, HubUnreachable, RepositoryGated, RepositoryUnknown

#: Seconds without a byte after which a connection is given up.
_SILENCE_S: Final = 30.0


class HuggingFaceHub(model_hub.ModelHub):
    """The hub at `endpoint`, such as `https://huggingface.co`."""

    def __init__(self, endpoint: str, silence_s: float = _SILENCE_S) -> None:
        self._endpoint = endpoint.rstrip("/")
        self._silence_s = silence_s

    def listing(self, repository: str, revision: str) -> Listing:
        with self._refusals(f"{repository} at {revision}", repository):
            found = HfApi(endpoint=self._endpoint).model_info(
                repository, revision=revision, files_metadata=True, timeout=self._silence_s
            )
        try:
            return Listing(
                repository=repository,
                revision=_told(found.sha),
                files=tuple(_listed(file) for file in found.siblings or ()),
            )
        except ValueError as error:
            raise HubUnreachable(
                f"What {self._endpoint} lists for {repository} cannot be used: {error}."
            ) from error

    def read(self, listing: Listing, name: str, start: int) -> Generator[bytes, None, None]:
        url = hf_hub_url(
            listing.repository, name, revision=listing.revision, endpoint=self._endpoint
        )
        # Compressed on the way, a file could not go on from the middle.
        headers = {**build_hf_headers(), "Accept-Encoding": "identity"}
        if start:
            headers["Range"] = f"bytes={start}-"
        with (
            self._refusals(f"{name} of {listing.repository}", listing.repository),
            get_session().stream("GET", url, headers=headers, timeout=self._silence_s) as answer,
        ):
            hf_raise_for_status(answer)
            # A server that knows no ranges answers 200 and begins at the beginning.
            skipped = 0 if answer.status_code == HTTPStatus.PARTIAL_CONTENT else start
            # As it comes: gathered into larger pieces, what came last would be lost in a cut.
            for chunk in answer.iter_bytes():
                wanted = chunk[skipped:]
                skipped -= len(chunk) - len(wanted)
                if wanted:
                    yield wanted

    @contextmanager
    def _refusals(self, what: str, repository: str) -> Iterator[None]:
        """The library's errors in our words."""
        try:
            yield
        except (httpx2.HTTPError, OfflineModeIsEnabled) as error:
            kind, words = next(
                (ours, words) for theirs, ours, words in _REFUSALS if isinstance(error, theirs)
            )
            status = error.response.status_code if isinstance(error, HfHubHTTPError) else 0
            if kind is HubUnreachable:
                kind, words = _CLOSED.get(status, (kind, words))
            raise kind(
                words.format(
                    endpoint=self._endpoint,
                    repository=repository,
                    what=what,
                    status=status,
                    error=type(error).__name__,
                )
            ) from error


_NOTHING: Final = (
    "{endpoint} has no repository {repository}, or it is private and HF_TOKEN does not open it."
)
#: What the hub may answer without naming its reason; 401 is also what it says of a name nobody has.
_CLOSED: Final[Mapping[int, tuple[type[HubError], str]]] = {
    HTTPStatus.UNAUTHORIZED: (RepositoryUnknown, _NOTHING),
    HTTPStatus.FORBIDDEN: (
        RepositoryGated,
        "{endpoint} does not let {repository} be read: set HF_TOKEN to a token that may.",
    ),
    HTTPStatus.NOT_FOUND: (
        RepositoryUnknown,
        "{endpoint} answers 404 for {what}, and not as a model hub does: see hub.endpoint, or HF_ENDPOINT.",
    ),
}
#: The library's errors, the special before the general, and what each means here.
_REFUSALS: Final[tuple[tuple[type[Exception], type[HubError], str], ...]] = (
    (
        GatedRepoError,
        RepositoryGated,
        "{repository} asks for consent: accept its terms at {endpoint}/{repository}, then set HF_TOKEN.",
    ),
    (RevisionNotFoundError, RepositoryUnknown, "{endpoint} has no {what}."),
    (EntryNotFoundError, RepositoryUnknown, "{endpoint} lacks {what}."),
    (RepositoryNotFoundError, RepositoryUnknown, _NOTHING),
    (OfflineModeIsEnabled, HubUnreachable, "HF_HUB_OFFLINE is set: unset it to reach the hub."),
    (HfHubHTTPError, HubUnreachable, "{endpoint} answers {status} for {what}: try again later."),
    (
        httpx2.HTTPError,
        HubUnreachable,
        "{endpoint} cannot be reached for {what} ({error}): look at the network, or set hub.endpoint.",
    ),
)


def _listed(file: RepoSibling) -> ListedFile:
    if file.lfs is not None:
        return ListedFile(
            name=file.rfilename, size_bytes=file.lfs.size, sha256=_told(file.lfs.sha256)
        )
    if file.size is None:
        raise ValueError(f"{file.rfilename} has no size")
    return ListedFile(name=file.rfilename, size_bytes=file.size, git_sha1=_told(file.blob_id))


def _told(value: str | None) -> str:
    if not value:
        raise ValueError("a hash is missing")
    return value
