"""What lies in a video's file, and what it says of another machine."""

import json
from dataclasses import asdict, replace

import pytest

from domain.checkpoint import checkpoint_spec
from domain.checkpoint_manifest import Manifest, ManifestFile
from domain.errors import InvalidRequest
from domain.generation import GenerationDraft
from domain.lora import LoraDraft
from domain.recipe import RECIPE_KEY, Recipe, differences
from tests.fakes.examples import a_draft, a_request
from tests.fakes.lora_catalog import a_lora

MINI = checkpoint_spec("mini")
WEIGHTS = {"transformer": "ab", "vae": "cd"}
A_RECIPE = Recipe(request=a_request(), version="1.2.3", weights=WEIGHTS)


def test_it_names_what_made_the_video() -> None:
    told = json.loads(A_RECIPE.to_metadata()[RECIPE_KEY])

    assert told["version"] == "1.2.3"
    assert told["weights"] == WEIGHTS
    assert told["request"] == json.loads(json.dumps(asdict(a_request())))


def test_it_names_how_it_was_computed_where_that_is_not_as_everywhere() -> None:
    fast = replace(A_RECIPE, ways={"attention": "flash-3"})

    assert "ways" not in json.loads(A_RECIPE.to_metadata()[RECIPE_KEY])
    assert json.loads(fast.to_metadata()[RECIPE_KEY])["ways"] == {"attention": "flash-3"}
    [told] = differences(fast, version="1.2.3", weights=WEIGHTS)
    assert told.startswith("It was computed with attention flash-3")


@pytest.mark.parametrize(
    ("version", "weights", "words"),
    [
        ("1.2.3", WEIGHTS, []),
        ("1.3.0", WEIGHTS, ["made by Wan Studio 1.2.3; this is 1.3.0"]),
        ("1.2.3", WEIGHTS | {"vae": "ef"}, ["Other weights of mini are here: vae differ"]),
        ("1.2.3", {"vae": "cd"}, ["transformer"]),
        ("1.2.3", None, ["hashes of mini's weights are not known"]),
        ("1.3.0", {}, ["this is 1.3.0", "transformer, vae"]),
    ],
)
def test_what_is_otherwise_here_is_told(
    version: str, weights: dict[str, str] | None, words: list[str]
) -> None:
    told = differences(A_RECIPE, version=version, weights=weights)

    assert len(told) == len(words)
    assert all(word in sentence for word, sentence in zip(words, told, strict=True))


def test_a_request_asks_for_itself() -> None:
    loras = [(a_lora("turn"), ("ab" * 32,))]
    draft = a_draft(loras=(LoraDraft(name="turn", strength=0.5),))
    request = draft.complete(MINI, drawn_seed=5, loras=loras)

    assert GenerationDraft.of(request).complete(MINI, drawn_seed=6, loras=loras) == request


def test_a_request_does_not_ask_for_another_lora_of_that_name() -> None:
    request = a_draft(loras=(LoraDraft(name="turn"),)).complete(
        MINI, drawn_seed=5, loras=[(a_lora("turn"), ("ab" * 32,))]
    )

    with pytest.raises(InvalidRequest, match="loras/0/sha256: the files of turn"):
        GenerationDraft.of(request).complete(
            MINI, drawn_seed=5, loras=[(a_lora("turn"), ("cd" * 32,))]
        )


def test_a_checkpoint_has_its_own_number_of_frames_a_second() -> None:
    with pytest.raises(InvalidRequest, match=r"fps: mini moves at 8 .* \(nearest: 8\)"):
        a_draft(fps=24).complete(MINI, drawn_seed=5)


def test_the_hash_of_a_part_is_of_its_files_alone() -> None:
    def weights(**hashes: str) -> dict[str, str]:
        files = {"README.md": "0", "vae/config.json": "1", "vae/model.safetensors": "2"} | hashes
        manifest = Manifest(
            checkpoint_id="mini",
            files=tuple(
                ManifestFile(name=name, size_bytes=1, sha256=sha256)
                for name, sha256 in files.items()
            ),
        )
        return dict(manifest.weights)

    assert weights().keys() == {"vae"}
    assert weights(**{"README.md": "9"}) == weights()
    assert weights(**{"vae/model.safetensors": "9"}) != weights()
