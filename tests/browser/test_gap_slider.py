"""The gap's slider by keyboard: the figures follow in the browser, and whoever listens is told."""

from __future__ import annotations

import re
from collections.abc import Iterator

import gradio as gr
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import Watch
from tests.unit.ui.test_gap_cards import report
from ui import gap_cards
from ui.components import gap_slider, scripts


@pytest.fixture
def slider_page(browser: Browser) -> Iterator[Page]:
    """A page of nothing but the slider and a box that listens to it; no console error afterwards."""
    with gr.Blocks() as blocks:
        slider = gap_slider(elem_id="i-gap")
        told = gr.Textbox(elem_id="told")

        def tell(event: gr.EventData) -> str:
            return f"{event.share:.0%}"

        slider.moved(tell, None, told, queue=False)
        blocks.load(lambda: gap_cards.slider("e-1", report()), None, slider)
    _, url, _ = blocks.launch(head=scripts(), prevent_thread_lock=True, quiet=True)
    watch = Watch(url)
    context = browser.new_context(viewport={"width": 390, "height": 844})
    page = watch.attach(context.new_page())
    page.goto(url)
    yield page
    context.close()
    blocks.close(verbose=False)
    assert watch.errors == [] and watch.elsewhere == []


def test_a_move_is_answered_at_once_and_told(slider_page: Page) -> None:
    slider = slider_page.get_by_label("Share of the offset that is taken away")
    forward = slider_page.locator(".i-figure", has_text="R@1 text → image")
    expect(forward).to_contain_text("50.0 %")
    expect(forward).to_contain_text("the space as it is")
    mark = slider_page.locator("#i-gap .shapelayer path").first
    expect(mark).to_be_attached()
    before = mark.get_attribute("d")
    asked: list[str] = []
    slider_page.on("request", lambda request: asked.append(request.url))
    slider.press("End")
    expect(forward).to_contain_text("48.0 %")
    expect(forward).to_contain_text("−2.0 points, p = 0.004")
    expect(slider).to_have_attribute("aria-valuetext", re.compile("^100 % taken away: gap 0.100"))
    expect(slider_page.locator("#told textarea")).to_have_value("100%")
    # the listener's call is the only one that was made
    assert len(asked) == 1
    assert mark.get_attribute("d") != before
    slider.press("ArrowLeft")
    expect(forward).to_contain_text("49.0 %")
    width = slider_page.evaluate("document.documentElement.scrollWidth - innerWidth")
    assert width <= 0
