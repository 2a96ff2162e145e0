"""What the names in a form spell, and what is refused of them."""

from contextlib import suppress

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.http.openai.bodies import nested
from domain.errors import InvalidRequest


def test_brackets_spell_what_json_nests() -> None:
    parts = [
        ("prompt", "a"),
        ("video[id]", "gen_1"),
        ("references[]", "one"),
        ("references[]", "two"),
        ("tags", "x"),
        ("tags", "y"),
        ("loras[][name]", "one"),
        ("loras[][name]", "two"),
        ("loras[][strength]", "1"),
        ("loras[][strength]", "2"),
    ]

    assert nested(parts) == {
        "prompt": "a",
        "video": {"id": "gen_1"},
        "references": ["one", "two"],
        "tags": ["x", "y"],
        "loras": [{"name": "one", "strength": "1"}, {"name": "two", "strength": "2"}],
    }


def test_a_list_of_one_is_a_list() -> None:
    assert nested([("references[]", "one")]) == {"references": ["one"]}


@pytest.mark.parametrize(
    "parts",
    [
        [("loras[][name]", "one"), ("loras[][name]", "two"), ("loras[][strength]", "1")],
        [("video[id]", "one"), ("video[id]", "two")],
        [("video", "one"), ("video[id]", "two")],
        [("a[b][c]", "one")],
        [("", "one")],
        [("a[", "one")],
    ],
)
def test_names_that_mean_nothing_or_two_things_are_refused(parts: list[tuple[str, str]]) -> None:
    with pytest.raises(InvalidRequest):
        nested(parts)


@given(st.lists(st.tuples(st.text("ab[]"), st.text(max_size=2))))
def test_whatever_the_names_are_they_are_read_or_refused(parts: list[tuple[str, str]]) -> None:
    with suppress(InvalidRequest):
        told = nested(parts)
        assert {name.partition("[")[0] for name, _ in parts} == told.keys()


def test_json_says_the_same_as_a_form(url: str) -> None:
    """Clients of version 2 send JSON where no file goes with it."""
    said = {"prompt": "a red circle", "model": "mini", "seconds": "2", "size": "32x32", "seed": 7}

    answers = [
        httpx.post(f"{url}/v1/videos", json=said),
        httpx.post(f"{url}/v1/videos", data=said),
        httpx.post(f"{url}/v1/videos", files={name: (None, str(it)) for name, it in said.items()}),
    ]

    told = [{**answer.json(), "id": "", "created_at": 0} for answer in answers]
    assert [answer.status_code for answer in answers] == [200] * 3
    for each in told:
        each["status"] = each["progress"] = each["completed_at"] = None
    assert told[0] == told[1] == told[2]
    assert (told[0]["seconds"], told[0]["size"], told[0]["seed"]) == ("2", "32x32", 7)


def test_a_picture_may_be_spelt_in_json(url: str) -> None:
    picture = "data:image/png;base64,aGVsbG8="

    answer = httpx.post(
        f"{url}/v1/videos", json={"prompt": "a", "input_reference": {"image_url": picture}}
    )

    assert answer.json()["error"]["code"] == "image_unusable"


def test_text_in_a_form_is_utf_8(url: str) -> None:
    part = b'--b\r\nContent-Disposition: form-data; name="prompt"\r\n\r\n\xff\xfe\r\n--b--\r\n'

    answer = httpx.post(
        f"{url}/v1/videos",
        content=part,
        headers={"content-type": "multipart/form-data; boundary=b"},
    )

    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "malformed_request")
