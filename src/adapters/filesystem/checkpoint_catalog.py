"""Checkpoints as folders in diffusers' layout, judged by their JSON and the headers of their weights.

A transformer may be one GGUF file in the place of safetensors.

Where a folder has a manifest, also by the hashes of its files.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from adapters.filesystem.code_of_its_own import refuse_pickles, refuse_remote_code
from adapters.filesystem.folder_state import FolderState, folder_state
from adapters.filesystem.gguf_header import read_gguf_header
from adapters.filesystem.json_file import is_declared as _is_declared
from adapters.filesystem.json_file import read_index, read_json
from adapters.filesystem.last_use import note_use
from adapters.filesystem.manifest import check_manifest
from adapters.filesystem.quantised_weights import read_quantised
from adapters.filesystem.safetensors_header import read_header
from adapters.filesystem.structure import read_structure
from domain.checkpoint import CHECKPOINTS, CheckpointSpec, checkpoint_spec
from domain.errors import (
    CheckpointBroken,
    CheckpointMissing,
    CheckpointUnavailable,
)
from domain.local_checkpoint import Component, LocalCheckpoint
from domain.ports import checkpoint_catalog
from domain.ports.checkpoint_catalog import CatalogEntry
from domain.repository import REPOSITORIES

#: The one kind of transformer that is also run from GGUF files.
_PLAIN: Final = "WanTransformer3DModel"
#: Parts of a Wan folder that hold weights.
_WEIGHTED: Final = ("transformer", "transformer_2", "text_encoder", "image_encoder", "vae")


class FilesystemCheckpointCatalog(checkpoint_catalog.CheckpointCatalog):
    """Looks for `<folder>/<checkpoint id>` in each of `folders`, the first that has it wins.

    Users put theirs into the first. A folder found good is not read again until something in it is
    touched.
    """

    def __init__(
        self,
        folders: Sequence[Path],
        now_ns: Callable[[], int] = time.time_ns,
        *,
        glance_s: float = 0.0,
    ) -> None:
        """`glance_s`: for so long a checkpoint found good is not looked at again, in a flood of requests."""
        self._folders = tuple(folders)
        self._now_ns = now_ns
        self._glance_ns = int(glance_s * 1e9)
        self._seen: dict[str, tuple[int, LocalCheckpoint]] = {}
        self._good: dict[Path, tuple[FolderState, LocalCheckpoint]] = {}

    def note_use(self, checkpoint: LocalCheckpoint) -> None:
        models = self._folders[0]
        if checkpoint.folder.parent == models:  # what ships with the program stays anyway
            note_use(models, checkpoint.spec.id)

    def entries(self) -> Sequence[CatalogEntry]:
        return tuple(self._entry(spec) for spec in CHECKPOINTS)

    def find(self, checkpoint_id: str) -> LocalCheckpoint:
        now = self._now_ns()
        if checkpoint_id in self._seen:
            seen_at, checkpoint = self._seen[checkpoint_id]
            if 0 <= now - seen_at < self._glance_ns:  # not where the clock was put back
                return checkpoint
        checkpoint = self._look(checkpoint_id)
        self._seen[checkpoint_id] = now, checkpoint
        return checkpoint

    def _look(self, checkpoint_id: str) -> LocalCheckpoint:
        spec = checkpoint_spec(checkpoint_id)
        for folder in self._folders:
            if (folder / spec.id).is_dir():
                return self._judge(spec, folder / spec.id)
        pulling = (
            f"Fetch them with `wan models pull {spec.id}`, or put"
            if spec.id in REPOSITORIES
            else "Put"
        )
        raise CheckpointMissing(
            f"The weights of {spec.id} are not on this machine. "
            f"{pulling} its diffusers folder, called {spec.id}, into the folder of models, "
            f"{self._folders[0]}."
        )

    def _judge(self, spec: CheckpointSpec, folder: Path) -> LocalCheckpoint:
        state = folder_state(folder, now_ns=self._now_ns())
        known = self._good.get(folder)
        if known is not None and known[0] == state:
            return known[1]
        found = read_checkpoint(spec, folder)
        if manifest := check_manifest(found.folder):
            found = replace(found, weights=manifest.weights)
        if state is not None:
            self._good[folder] = (state, found)
        return found

    def _entry(self, spec: CheckpointSpec) -> CatalogEntry:
        try:
            return CatalogEntry(spec=spec, local=self._look(spec.id), problem=None)
        except CheckpointUnavailable as error:
            return CatalogEntry(spec=spec, local=None, problem=error.message)


def read_checkpoint(spec: CheckpointSpec, folder: Path) -> LocalCheckpoint:
    """The checkpoint in `folder`, if it is whole, safe, and of the structure `spec` names.

    Raises:
        CheckpointBroken: a file is missing, cut short, or contradicts `spec`.
        UnsafeWeights: it holds pickled weights or remote code.
    """
    refuse_pickles(folder)
    index = read_index(folder)
    refuse_remote_code(folder, index)
    parts = [name for name in _WEIGHTED if _is_declared(index, name)]
    _check_parts(spec, folder, index, parts)
    _check_structure(spec, folder, index, parts)
    components = tuple(_component(folder, name) for name in parts)
    if _transformer(spec) != _PLAIN and any(part.quantised for part in components):
        raise CheckpointBroken(
            f"{folder} holds GGUF files: those of {spec.id} cannot be run by this version."
        )
    configs = {name: read_json(folder / name / "config.json") for name in parts}
    return LocalCheckpoint(
        spec=spec,
        folder=folder,
        components=components,
        structure=read_structure(index, configs, components),
    )


def _check_parts(
    spec: CheckpointSpec, folder: Path, index: Mapping[str, object], parts: Iterable[str]
) -> None:
    needed = {"transformer", "text_encoder", "vae"}
    needed |= {"image_encoder"} if spec.animates_character else set()
    for name in sorted(needed - set(parts)):
        raise CheckpointBroken(f"{folder} has no {name}.")
    for name in index:
        if _is_declared(index, name) and not (folder / name).is_dir():
            raise CheckpointBroken(f"{folder} lacks the folder {name}, which its index names.")
    if spec.has_two_experts != ("transformer_2" in parts):
        experts = "two experts" if spec.has_two_experts else "one transformer"
        raise CheckpointBroken(f"{folder} is not a {spec.id}: that has {experts}.")


def _check_structure(
    spec: CheckpointSpec, folder: Path, index: Mapping[str, object], parts: Iterable[str]
) -> None:
    ratio = index.get("boundary_ratio")
    if spec.boundary_ratio is not None and ratio != spec.boundary_ratio:
        raise CheckpointBroken(
            f"{folder} switches experts at {ratio}; {spec.id} does at {spec.boundary_ratio}."
        )
    expands = bool(index.get("expand_timesteps"))
    if expands != spec.expands_timesteps:
        raise CheckpointBroken(
            f"{folder} is not a {spec.id}: its index says expand_timesteps {expands}."
        )
    channels = read_json(folder / "vae" / "config.json").get("z_dim")
    if channels != spec.geometry.channels:
        raise CheckpointBroken(
            f"{folder} has a VAE of {channels} latent channels; "
            f"{spec.id} has {spec.geometry.channels}."
        )
    for name in sorted({"transformer", "transformer_2"} & set(parts)):
        config = read_json(folder / name / "config.json")
        kind, expected = config.get("_class_name"), _transformer(spec)
        if kind != expected:
            raise CheckpointBroken(
                f"{folder / name} is a {kind}; that of {spec.id} is a {expected}."
            )
        channels = config.get("in_channels")
        if channels != spec.transformer_channels:
            raise CheckpointBroken(
                f"{folder / name} reads {channels} channels; "
                f"that of {spec.id} reads {spec.transformer_channels}."
            )


def _transformer(spec: CheckpointSpec) -> str:
    """What its transformer calls itself."""
    if spec.animates_character:
        return "WanAnimateTransformer3DModel"
    return "WanVACETransformer3DModel" if spec.takes_control else _PLAIN


def _component(folder: Path, name: str) -> Component:
    files = sorted((folder / name).glob("*.safetensors"))
    quantised = sorted((folder / name).glob("*.gguf")) if name.startswith("transformer") else []
    if quantised:
        return _quantised_component(name, [*quantised, *files])
    if not files:
        raise CheckpointBroken(f"{folder / name} holds no safetensors file.")
    _check_shards(folder / name, {path.name for path in files})
    headers = [read_header(path) for path in files]
    return Component(
        name=name,
        weight_bytes=sum(header.weight_bytes for header in headers),
        dtypes=tuple(sorted({dtype for header in headers for dtype in header.bytes_by_dtype})),
        modules=_summed(header.numbers_by_module for header in headers),
    )


def _quantised_component(name: str, files: Sequence[Path]) -> Component:
    """Of a transformer in a GGUF file, which must be the only one."""
    path, *others = files
    if others:
        raise CheckpointBroken(f"{path} and {others[0]} are both to be the weights of {name}.")
    header = read_gguf_header(path)
    return Component(
        name=name,
        weight_bytes=header.weight_bytes,
        dtypes=tuple(sorted(header.bytes_by_dtype)),
        modules=header.numbers_by_module,
        quantised=read_quantised(header),
    )


def _summed(counts: Iterable[Mapping[str, int]]) -> Mapping[str, int]:
    total: Counter[str] = Counter()
    for count in counts:
        total.update(count)
    return dict(total)


def _check_shards(folder: Path, present: set[str]) -> None:
    for index in folder.glob("*.safetensors.index.json"):
        named = read_json(index).get("weight_map")
        if not isinstance(named, dict):
            raise CheckpointBroken(f"{index} names no files.")
        for missing in sorted({str(name) for name in named.values()} - present):
            raise CheckpointBroken(f"{folder} lacks {missing}, which {index.name} names.")
