"""Addresses that a form makes are the ones that the catalogue reads."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import gradio as gr
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.catalog.address import parse, with_options
from backend.errors import Fault, InvalidInput
from backend.settings import Settings
from ui import addresses
from ui.pages.dataset_form import NEEDED, DatasetForm

_words = st.text(min_size=1, max_size=20)
_options = st.dictionaries(_words, st.one_of(_words, st.lists(_words, max_size=3)), max_size=4)


@given(_options)
def test_the_small_copy_of_the_grammar_is_the_catalogues(options: dict[str, Any]) -> None:
    stripped = {
        key: value.strip() if isinstance(value, str) else [each.strip() for each in value]
        for key, value in options.items()
    }
    made = addresses.compose("owner/name", options)
    assert made == with_options("owner/name", stripped)
    base, read = addresses.take_apart(made)
    known = parse(made)
    assert base == known.base
    assert [(key, value) for key, values in read.items() for value in values] == list(known.options)


def test_an_option_set_anew_leaves_the_others() -> None:
    address = "owner/name?revision=abc&pooling=cls"
    assert addresses.changed(address, {"pooling": "mean"}) == "owner/name?revision=abc&pooling=mean"
    assert addresses.changed(address, {"pooling": "", "layers": ""}) == "owner/name?revision=abc"
    assert addresses.changed("owner/name", {"layers": "3,6,-1"}) == "owner/name?layers=3,6,-1"


@pytest.fixture
def form(tmp_path: Any) -> DatasetForm:
    with gr.Blocks():
        return DatasetForm(SimpleNamespace(settings=Settings(home=tmp_path)))  # type: ignore[arg-type]


def typed(layout: str, path: str, **values: str) -> list[str]:
    """What the handlers are given when these fields are filled in."""
    return [layout, path, *(values.get(name, "") for name in NEEDED)]


def test_each_layout_makes_its_address_of_its_own_fields_alone(form: DatasetForm) -> None:
    assert form.address(*typed("captions", " /data/a ", limit="9", template="x {}")) == "/data/a"
    pairs = form.address(*typed("captions", "/d.csv", kind="text", item="question", id="key"))
    assert pairs == "/d.csv?text=question&id=key"
    classes = form.address(*typed("classes", "/c", template="a photo of a {}.\n\na {}\n"))
    assert classes == "/c?layout=classes&template=a photo of a {}.&template=a {}"
    labels = form.address(*typed("labels", "/l", images="/pictures", template="a {}"))
    assert labels == "/l?layout=labels&template=a {}&images=/pictures"
    hub = typed("hub", "owner/name", kind="audio", item="clip", caption="text", limit="50")
    assert form.address(*hub) == "hf://owner/name?audio=clip&caption=text&limit=50"
    assert form.address(*typed("hub", "hf://owner/name")) == "hf://owner/name"


def test_a_fault_stands_at_its_field_and_the_rest_at_the_place(form: DatasetForm) -> None:
    with pytest.raises(InvalidInput):
        form.address(*typed("karpathy", "  "))
    error = InvalidInput("Name the columns.", [
        Fault("audio", "no column clip"), Fault("caption", "no column text"), Fault("row 3", "empty"),
    ])  # fmt: skip
    at = dict(zip(form.faults, form.at_fields(error), strict=True))
    assert "no column clip" in at["item"]
    assert "no column text" in at["caption"]
    assert "Name the columns." in at["path"]
    assert "row 3: empty" in at["path"]
    assert [name for name, text in at.items() if text] == ["path", "item", "caption"]
