"""Checkpoints made of transformers in other layouts, over fakes."""

from pathlib import Path

import pytest

from application.assemble_checkpoint import AssembleCheckpoint
from application.fetch_files import FetchFiles
from domain.checkpoint_manifest import FilesProgress
from domain.errors import CheckpointBroken
from domain.found_weights import (
    Expert,
    FoundParts,
    FoundTransformer,
    Naming,
    Precision,
    TransformerForm,
)
from domain.repository import REPOSITORIES
from domain.store_errors import HubUnreachable, PlaceTaken, WeightsUnrecognised
from domain.stored_checkpoint import Origin, StoredCheckpoint
from tests.fakes.checkpoint_store import FakeCheckpointStore
from tests.fakes.model_hub import FakeModelHub
from tests.fakes.weight_converter import WEIGHTS, FakeWeightConverter
from tests.fakes.weight_reader import FakeWeightReader

THEIRS = {
    "model_index.json": b"{}",
    "vae/config.json": b"[]",
    "transformer/model.safetensors": b"not needed",
}
HIGH, LOW = Expert.HIGH_NOISE, Expert.LOW_NOISE


class Bench:
    """Two transformers of T2V-A14B's form, and what goes with them."""

    def __init__(self, folder: Path) -> None:
        self.parts = folder / "parts"
        self.parts.mkdir()
        (self.parts / "vae.json").write_bytes(b"{}")
        self.store = FakeCheckpointStore(folder / "workshop")
        self.latent_channels = 16
        self.hub = FakeModelHub({REPOSITORIES["t2v-A14B"]: THEIRS})
        self.found: dict[Path, FoundTransformer] = {}

    def add(
        self,
        name: str,
        expert: Expert | None,
        *,
        in_channels: int = 16,
        precision: Precision = Precision.BF16,
    ) -> Path:
        path = self.parts.parent / name
        path.write_text(name)
        form = TransformerForm(in_channels=in_channels, out_channels=16, dim=5120, blocks=40)
        self.found[path] = FoundTransformer(
            path=path,
            tensors={},
            form=form,
            naming=Naming.OFFICIAL,
            precision=precision,
            expert=expert,
        )
        return path

    def convert(
        self,
        transformers: dict[Path, Expert | None],
        meant: str | None = None,
        *,
        in_place: bool = False,
    ) -> StoredCheckpoint:
        parts = FoundParts(
            folder=self.parts, files=("vae.json",), latent_channels=self.latent_channels
        )
        reader = FakeWeightReader(parts={self.parts: parts}, transformers=self.found)
        return self.converting(reader).execute(
            transformers, self.parts, meant, unheard, in_place=in_place
        )

    def converting(self, reader: FakeWeightReader) -> AssembleCheckpoint:
        fetch = FetchFiles(self.hub, reserve_bytes=0, wait=lambda _seconds: None)
        return AssembleCheckpoint(self.store, reader, FakeWeightConverter(), self.hub, fetch)

    def places(self) -> dict[str, bytes]:
        files = self.store.files["t2v-A14B"]
        return {name: files[f"{name}/{WEIGHTS}"] for name in ("transformer", "transformer_2")}


def unheard(_progress: FilesProgress) -> None:
    pass


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


@pytest.mark.parametrize(
    ("named", "said"),
    [
        ((HIGH, LOW), (None, None)),
        ((HIGH, None), (None, None)),
        ((None, LOW), (None, None)),
        ((None, None), (HIGH, None)),
        ((None, None), (HIGH, LOW)),
        ((HIGH, LOW), (HIGH, LOW)),
    ],
)
def test_the_high_noise_expert_comes_first_however_it_is_known(
    bench: Bench, named: tuple[Expert | None, ...], said: tuple[Expert | None, ...]
) -> None:
    high, low = bench.add("a", named[0]), bench.add("b", named[1])

    stored = bench.convert({low: said[1], high: said[0]})

    assert (stored.checkpoint_id, stored.origin) == ("t2v-A14B", Origin.CONVERTED)
    assert bench.places() == {"transformer": b"a", "transformer_2": b"b"}
    assert bench.store.files["t2v-A14B"]["vae.json"] == b"{}"
    assert stored.source == f"{low}, {high}"


def test_experts_that_nobody_tells_apart_are_asked_for(bench: Bench) -> None:
    with pytest.raises(WeightsUnrecognised, match="--high and --low"):
        bench.convert({bench.add("a", None): None, bench.add("b", None): None})


@pytest.mark.parametrize(
    ("named", "said"),
    [((HIGH, HIGH), (None, None)), ((HIGH, None), (None, HIGH)), ((LOW, LOW), (None, None))],
)
def test_two_of_the_same_expert_are_no_pair(
    bench: Bench, named: tuple[Expert | None, ...], said: tuple[Expert | None, ...]
) -> None:
    one, two = bench.add("a", named[0]), bench.add("b", named[1])

    with pytest.raises(WeightsUnrecognised, match=rf"a and .*b are both the {named[0]} expert"):
        bench.convert({one: said[0], two: said[1]})


def test_gguf_files_are_linked_and_described(bench: Bench) -> None:
    pair: dict[Path, Expert | None] = {
        bench.add(name, expert, precision=Precision.GGUF): None
        for name, expert in (("a", HIGH), ("b", LOW))
    }

    stored = bench.convert(pair, in_place=True)

    assert (stored.origin, stored.source) == (Origin.ADOPTED, ", ".join(map(str, pair)))
    files = bench.store.files["t2v-A14B"]
    assert files["transformer/diffusion_pytorch_model.gguf"] == b"a"
    assert files["transformer_2/diffusion_pytorch_model.gguf"] == b"b"
    assert files["transformer/config.json"] == b"{}"


def test_what_must_be_converted_is_not_linked_nor_the_other_way_round(bench: Bench) -> None:
    plain, quantised = bench.add("a", HIGH), bench.add("b", LOW, precision=Precision.GGUF)

    with pytest.raises(WeightsUnrecognised, match="wan models convert"):
        bench.convert({quantised: None, plain: None}, in_place=True)
    with pytest.raises(WeightsUnrecognised, match="wan models adopt"):
        bench.convert({plain: None, quantised: None})


def test_unlike_transformers_do_not_belong_together(bench: Bench) -> None:
    one, two = bench.add("a", HIGH), bench.add("b", LOW, in_channels=36)

    with pytest.raises(WeightsUnrecognised, match="do not belong together"):
        bench.convert({one: None, two: None})


def test_half_a_pair_is_not_enough(bench: Bench) -> None:
    with pytest.raises(WeightsUnrecognised, match="half of t2v-A14B"):
        bench.convert({bench.add("a", HIGH): None})


def test_what_it_is_meant_to_be_must_be_what_it_is(bench: Bench) -> None:
    pair: dict[Path, Expert | None] = {bench.add("a", HIGH): None, bench.add("b", LOW): None}

    with pytest.raises(WeightsUnrecognised, match="is not i2v-A14B but t2v-A14B"):
        bench.convert(pair, "i2v-A14B")
    assert bench.convert(pair, "t2v-A14B").checkpoint_id == "t2v-A14B"


def test_parts_of_another_family_are_refused_before_the_work(bench: Bench) -> None:
    bench.latent_channels = 48

    with pytest.raises(WeightsUnrecognised, match="48 latent channels; that of t2v-A14B has 16"):
        bench.convert({bench.add("a", HIGH): None, bench.add("b", LOW): None})
    assert bench.store.stored("t2v-A14B") is None


class FetchedParts(FakeWeightReader):
    """Finds parts in whichever folder they were fetched to."""

    def read_parts(self, folder: Path) -> FoundParts:
        assert (folder / "model_index.json").read_bytes() == b"{}"
        return FoundParts(folder=folder, files=("vae/config.json",), latent_channels=16)


def test_what_goes_with_them_is_fetched_where_nobody_names_a_folder(bench: Bench) -> None:
    pair: dict[Path, Expert | None] = {bench.add("a", HIGH): None, bench.add("b", LOW): None}
    bench.hub.cuts = [1, 0, 0, 0, 0, 0]
    converting = bench.converting(FetchedParts(transformers=bench.found))

    with pytest.raises(HubUnreachable):
        converting.execute(pair, None, None, unheard, in_place=False)
    converting.execute(pair, None, None, unheard, in_place=False)

    assert bench.store.files["t2v-A14B"]["vae/config.json"] == b"[]"
    assert bench.hub.readings[-2:] == [("model_index.json", 1), ("vae/config.json", 0)]
    assert bench.store.unfinished("t2v-A14B") is None
    with pytest.raises(PlaceTaken):
        converting.execute(pair, None, None, unheard, in_place=False)


def test_what_cannot_be_converted_is_refused_before_anything_is_fetched(bench: Bench) -> None:
    class Refusing(FakeWeightConverter):
        """Finds a tensor missing."""

        def check(self, found: FoundTransformer) -> None:
            raise CheckpointBroken(f"{found.path} lacks one.")

    pair: dict[Path, Expert | None] = {bench.add("a", HIGH): None, bench.add("b", LOW): None}
    fetch = FetchFiles(bench.hub, reserve_bytes=0)
    reader = FetchedParts(transformers=bench.found)
    converting = AssembleCheckpoint(bench.store, reader, Refusing(), bench.hub, fetch)

    with pytest.raises(CheckpointBroken, match="lacks one"):
        converting.execute(pair, None, None, unheard, in_place=False)
    assert not bench.hub.readings
