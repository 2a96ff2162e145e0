"""A checkpoint's home on the Hugging Face hub: its repository, and what is taken from it.

Knows no commit: a pull asks the hub once for the commit its revision means, and keeps to that
(decision record 0018).

Sources: the model cards at huggingface.co/Wan-AI name the repositories in diffusers' layout.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Final

from domain.store_errors import RepositoryUnknown

REPOSITORIES: Final[Mapping[str, str]] = {
    "t2v-A14B": "Wan-AI/Wan2.2-T2V-A14B-Diffusers",
    "i2v-A14B": "Wan-AI/Wan2.2-I2V-A14B-Diffusers",
    "ti2v-5B": "Wan-AI/Wan2.2-TI2V-5B-Diffusers",
    "t2v-1.3B": "Wan-AI/Wan2.1-T2V-1.3B-Diffusers",
    "vace-14B": "Wan-AI/Wan2.1-VACE-14B-diffusers",
    "animate-14B": "Wan-AI/Wan2.2-Animate-14B-Diffusers",
}

#: What a pull means where no revision is named.
DEFAULT_REVISION: Final = "main"

_TRANSFORMERS: Final = frozenset({"transformer", "transformer_2"})
_COMPANIONS: Final = frozenset(
    {"scheduler", "text_encoder", "tokenizer", "vae", "image_encoder", "image_processor"}
)
_SUFFIXES: Final = frozenset({".json", ".safetensors"})
#: SentencePiece's own file, and the vocabularies of older tokenizers.
_TOKENIZER_SUFFIXES: Final = frozenset({".json", ".model", ".txt"})
_COMMIT: Final = re.compile(r"[0-9a-f]{40}")


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedFile:
    """A file as a repository lists it: by SHA-256 where it is large, else as git's blob.

    Attributes:
        name: its path in the repository, with slashes.
        git_sha1: SHA-1 over `blob <size>`, a zero byte, and the content.
    """

    name: str
    size_bytes: int
    sha256: str | None = None
    git_sha1: str | None = None

    def __post_init__(self) -> None:
        if not stays_inside(self.name):
            raise ValueError(f"{self.name!r} leaves its folder")
        if self.sha256 is None and self.git_sha1 is None:
            raise ValueError(f"{self.name} has no hash")


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """The files of a repository at one commit. `revision`: that commit, 40 hexadecimal digits."""

    repository: str
    revision: str
    files: tuple[ListedFile, ...]

    @property
    def size_bytes(self) -> int:
        return sum(file.size_bytes for file in self.files)

    @property
    def has_transformer(self) -> bool:
        """Whether it is more than what goes with one."""
        return not all(goes_with_a_transformer(file.name) for file in self.files)

    def only(self, wanted: Callable[[str], bool]) -> "Listing":
        """Those of its files whose names are wanted.

        Raises:
            RepositoryUnknown: it is not in diffusers' layout.
        """
        files = tuple(file for file in self.files if wanted(file.name))
        if not any(file.name == "model_index.json" for file in files):
            raise RepositoryUnknown(
                f"{self.repository} at {self.revision} is not in diffusers' layout: it has no "
                "model_index.json."
            )
        return Listing(repository=self.repository, revision=self.revision, files=files)


def is_commit(revision: str) -> bool:
    """Whether the revision names one commit for ever, not a branch or tag that may move."""
    return _COMMIT.fullmatch(revision) is not None


def is_taken(name: str) -> bool:
    """Whether a pull takes the file `name`: configuration, tokenizer and safetensors, nothing else."""
    path = PurePosixPath(name)
    if name == "model_index.json":
        return True
    if len(path.parts) != 2 or path.parts[0] not in _TRANSFORMERS | _COMPANIONS:
        return False
    return path.suffix in (_TOKENIZER_SUFFIXES if path.parts[0] == "tokenizer" else _SUFFIXES)


def goes_with_a_transformer(name: str) -> bool:
    """Whether a file that a pull takes is none of a transformer's own."""
    return is_taken(name) and PurePosixPath(name).parts[0] not in _TRANSFORMERS


def stays_inside(name: str) -> bool:
    """Whether a file of that name lies in the folder it is put into, wherever that is."""
    path = PurePosixPath(name)
    plain = bool(path.parts) and not path.is_absolute() and ".." not in path.parts
    return plain and "\\" not in name and "\0" not in name and path.as_posix() == name
