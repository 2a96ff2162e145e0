"""Make a checkpoint of transformers as their authors or ComfyUI's users have them, and what goes with them."""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from application.fetch_files import FetchFiles
from domain.checkpoint import checkpoint_spec
from domain.checkpoint_manifest import Report
from domain.errors import CheckpointMissing
from domain.found_weights import (
    Expert,
    FoundTransformer,
    checkpoint_of,
    refuse_mismatch,
    refuse_other_size,
)
from domain.ports.checkpoint_store import CheckpointStore
from domain.ports.model_hub import ModelHub
from domain.ports.weight_converter import WeightConverter
from domain.ports.weight_reader import WeightReader
from domain.repository import DEFAULT_REVISION, REPOSITORIES, goes_with_a_transformer
from domain.store_errors import WeightsUnrecognised
from domain.stored_checkpoint import StoredCheckpoint

_log = logging.getLogger(__name__)

#: Where each expert lies in diffusers' layout.
_FOLDERS: Final[Mapping[Expert, str]] = {
    Expert.HIGH_NOISE: "transformer",
    Expert.LOW_NOISE: "transformer_2",
}


#: What a linked transformer is called there.
_GGUF_FILE: Final = "diffusion_pytorch_model.gguf"


class AssembleCheckpoint:
    """Which checkpoint it becomes, the files say; which expert is which, their names or the caller.

    GGUF files are linked where they lie; all others are converted, once.
    """

    def __init__(
        self,
        store: CheckpointStore,
        reader: WeightReader,
        converter: WeightConverter,
        hub: ModelHub,
        fetch: FetchFiles,
    ) -> None:
        self._store = store
        self._reader = reader
        self._converter = converter
        self._hub = hub
        self._fetch = fetch

    def execute(
        self,
        transformers: Mapping[Path, Expert | None],
        parts_from: Path | None,
        checkpoint_id: str | None,
        report: Report,
        *,
        in_place: bool,
    ) -> StoredCheckpoint:
        """Link or convert, and link or fetch what goes with the transformers. Blocks, for minutes.

        Args:
            transformers: each with the expert it is; None where its name says so, or it is the only one.
            parts_from: a diffusers folder whose encoders, VAE and scheduler go with them; None fetches
                them from the checkpoint's repository.
            checkpoint_id: what it is meant to be, whatever its size; None is what it is, at full size.
            in_place: whether nothing may be converted; else nothing is linked.

        Raises:
            WeightsUnrecognised: they are no checkpoint, or not that one, or nobody knows which is which, or
                they have to be converted and must not be, or the other way round.
            CheckpointUnavailable: a file is not whole, or pickled.
            PlaceTaken: the checkpoint is here already.
            CheckpointBusy: it is worked on already.
            DiskFull, HubError: what goes with them cannot be fetched.
        """
        found = [self._reader.read_transformer(path) for path in transformers]
        for transformer in found:
            _refuse_other_way(transformer, in_place=in_place)
        spec = checkpoint_spec(self._recognise(found, checkpoint_id))
        places = _places(found, list(transformers.values()))
        parts = self._reader.read_parts(parts_from or self._fetch_parts(spec.id, report))
        if parts.latent_channels != spec.geometry.channels:
            raise WeightsUnrecognised(
                f"The VAE in {parts.folder} has {parts.latent_channels} latent channels; that of "
                f"{spec.id} has {spec.geometry.channels}."
            )
        with self._store.assemble(spec.id) as assembly:
            put = assembly.link if parts_from else assembly.take
            for name in parts.files:
                put(name, parts.folder / name)
            for name, transformer in places.items():
                if in_place:
                    self._converter.describe(transformer, assembly.folder / name)
                    assembly.link(f"{name}/{_GGUF_FILE}", transformer.path)
                else:
                    self._converter.convert(transformer, assembly.folder / name, report)
            self._converter.write_index(spec, parts, assembly.folder)
            sources = [str(path) for path in transformers]
            if in_place:
                assembly.publish(report, adopted_from=sources)
            else:
                assembly.publish(report, converted_from=sources)
        _log.info("adopted" if in_place else "converted", extra={"checkpoint": spec.id})
        stored = self._store.stored(spec.id)
        if stored is None:
            raise CheckpointMissing(f"{spec.id} was removed as soon as it was here.")
        return stored

    def _fetch_parts(self, checkpoint_id: str, report: Report) -> Path:
        """What goes with the transformers, fetched; one that was cut goes on where it was."""
        stored = self._store.stored(checkpoint_id)
        if stored is not None:
            stored.refuse_another()
        listing = self._hub.listing(REPOSITORIES[checkpoint_id], DEFAULT_REVISION)
        parts = listing.only(goes_with_a_transformer)
        with self._store.stage(checkpoint_id, parts) as staging:
            self._fetch.execute(parts, staging, report)
            return staging.folder

    def _recognise(self, found: Sequence[FoundTransformer], checkpoint_id: str | None) -> str:
        """The checkpoint they belong to, before anything is fetched for it."""
        first, *others = found
        for other in others:
            if other.form != first.form:
                raise WeightsUnrecognised(f"{first} and {other} do not belong together.")
        what = " with ".join(str(transformer.path) for transformer in found)
        is_one = checkpoint_of(first.form, experts=len(found))
        if checkpoint_id is None:
            refuse_other_size(is_one, first.form, what=what)
        else:
            meant = checkpoint_spec(checkpoint_id).id
            refuse_mismatch(meant, first.form, experts=len(found), what=what)
        for transformer in found:
            self._converter.check(transformer)
        return is_one


def _refuse_other_way(transformer: FoundTransformer, *, in_place: bool) -> None:
    if in_place and not transformer.is_used_as_it_lies:
        raise WeightsUnrecognised(
            f"{transformer} cannot be used where it lies: convert it once, with wan models convert."
        )
    if transformer.is_used_as_it_lies and not in_place:
        raise WeightsUnrecognised(
            f"{transformer} is used where it lies: wan models adopt. In bf16 it would be no better, and larger."
        )


def _places(
    found: Sequence[FoundTransformer], told: Sequence[Expert | None]
) -> Mapping[str, FoundTransformer]:
    """Each transformer's folder in the checkpoint."""
    if len(found) == 1:
        return {"transformer": found[0]}
    experts = [_expert(transformer, said) for transformer, said in zip(found, told, strict=True)]
    for index, other in ((0, 1), (1, 0)):
        if experts[index] is None and (known := experts[other]) is not None:
            experts[index] = next(expert for expert in Expert if expert is not known)
    if experts[0] is not None and experts[0] is experts[1]:
        raise WeightsUnrecognised(
            f"{found[0].path} and {found[1].path} are both the {experts[0]} expert, as their names say: the "
            "other one is missing."
        )
    if set(experts) != set(Expert):
        raise WeightsUnrecognised(
            f"Which of {found[0].path} and {found[1].path} is for high noise, their names do not tell: "
            "say so with --high and --low."
        )
    return {
        _FOLDERS[expert]: transformer
        for expert, transformer in zip(experts, found, strict=True)
        if expert is not None
    }


def _expert(transformer: FoundTransformer, said: Expert | None) -> Expert | None:
    if said and transformer.expert and said is not transformer.expert:
        raise WeightsUnrecognised(
            f"{transformer.path} is the {transformer.expert} expert, as its name says, not {said}."
        )
    return said or transformer.expert
