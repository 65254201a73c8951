"""New run: what was launched here is stopped here, where it was launched."""

from __future__ import annotations

import gradio as gr
import pytest

from backend.schemas import RunRequest
from backend.services import Services
from backend.settings import Settings
from ui.context import Context, shared_fields
from ui.pages.new_run import NewRunPage
from ui.uploads import Uploads

REQUEST = RunRequest(
    dataset="scenes-small", image_encoder="scene-resnet-ssl", text_encoder="minilm"
)


def page(services: Services) -> NewRunPage:
    with gr.Blocks(), gr.Tabs() as tabs, gr.Tab() as tab:
        return NewRunPage(Context(services, tabs, Uploads(), **shared_fields()), tab)


def test_launch_gives_its_place_to_stop_and_stopping_gives_it_back() -> None:
    services = Services(Settings())
    shown = page(services)
    _, stop, launch = shown.show("")
    assert (stop["visible"], launch["value"], launch["variant"]) == (False, "Launch", "primary")
    run = services.launch(REQUEST)
    _, stop, launch = shown.show(run.id)
    assert (stop["visible"], launch["value"]) == (True, "Queue this one too")
    assert shown.show("another browser's")[1]["visible"] is False
    shown.do_stop(run.id)
    activity, stop, launch = shown.show(run.id)
    assert (stop["visible"], launch["value"]) == (False, "Launch")
    assert "what was done is kept" in activity and 'data-act="resume"' in activity


def test_a_read_only_place_has_nothing_to_launch_or_stop(monkeypatch: pytest.MonkeyPatch) -> None:
    services = Services(Settings())
    run = services.launch(REQUEST)
    monkeypatch.setenv("ISTHMUS_MODE", "readonly")
    shown = page(Services(Settings()))
    activity, stop, _ = shown.show(run.id)
    assert shown.go.visible is False and stop["visible"] is False
    assert 'data-act="stop"' not in activity
    with pytest.raises(gr.Error, match="read-only"):
        shown.do_stop(run.id)
