"""The frame around the pages: links that outlive the process, keys, what an idle page costs."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Request, expect

from tests.browser.conftest import REPOSITORY, App, Watch, answering
from tests.browser.test_app import PAGES, go, mapped, search


@pytest.fixture
def restarted(ready: App) -> Iterator[App]:
    """Another process on the same home: it knows what the database does and nothing else."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    kept = {name: text for name, text in os.environ.items() if not name.startswith("ISTHMUS_")}
    environment = kept | {"ISTHMUS_HOME": str(ready.home), "ISTHMUS_PORT": str(port)}
    log = ready.home / "restarted.log"
    with log.open("w") as out:
        process = subprocess.Popen(
            [sys.executable, "app.py"], cwd=REPOSITORY, env=environment, stdout=out, stderr=out
        )
    url = f"http://127.0.0.1:{port}/"
    try:
        answering(process, url, log)
        yield App(url, ready.home, log)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)


def opened(browser: Browser, watch: Watch | None, url: str) -> tuple[BrowserContext, Page]:
    """A visitor's page whose clipboard may be used."""
    context = browser.new_context(
        reduced_motion="reduce",
        viewport={"width": 1280, "height": 900},
        permissions=["clipboard-read", "clipboard-write"],
    )
    page = context.new_page() if watch is None else watch.attach(context.new_page())
    page.set_default_timeout(90_000)
    page.goto(url)
    page.wait_for_selector("#i-header h1")
    return context, page


def shared(page: Page) -> dict[str, str]:
    """What the pages share, as it stands in the document."""
    told: dict[str, str] = page.evaluate(
        """() => Object.fromEntries([...document.querySelectorAll(".i-shared [id^=i-shared-]")]
             .map((node) => [node.id.slice(9), node.querySelector("textarea, input")?.value ?? ""]))"""
    )
    return told


def copied_link(page: Page) -> str:
    page.locator("#i-header [data-act=link]").click()
    expect(page.locator("#i-toast .i-toast")).to_contain_text("Link copied")
    link: str = page.evaluate("navigator.clipboard.readText()")
    return link


def test_a_link_leads_to_the_very_same_in_another_process(
    ready: App, browser: Browser, watch: Watch, restarted: App
) -> None:
    context, page = opened(browser, watch, ready.url)
    page.locator("#i-results .i-hit").first.wait_for()
    search(page, "two blue squares")
    go(page, "Map")
    mapped(page)
    state = shared(page)
    assert "two blue squares" in state["asked"] and state["run"]
    link = copied_link(page)
    assert re.fullmatch(re.escape(ready.url) + r"\?link=[a-z2-7]{8}", link)
    assert copied_link(page) == link  # the same state, the same link
    context.close()

    elsewhere = Watch(restarted.url)
    context, page = opened(browser, elsewhere, restarted.url + link.removeprefix(ready.url))
    page.locator("#i-page-map").wait_for()
    mapped(page)
    again = shared(page)
    names = ("run", "asked", "selection", "other")
    assert {name: again[name] for name in names} == {name: state[name] for name in names}
    before, after = (json.loads(each["view"] or "{}") for each in (state, again))
    assert {k: v for k, v in after.items() if k != "camera"} == {
        k: v for k, v in before.items() if k != "camera"
    }
    assert "link=" in page.url  # loading it anew leads here again
    go(page, "Explore")
    expect(page.locator("#i-chip, #i-search, #i-asked").first).to_contain_text("two blue squares")
    expect(page).to_have_url(re.compile(r"\?tab=explore&run="))
    context.close()
    assert elsewhere.errors == [] and elsewhere.elsewhere == []


def test_a_link_nobody_knows_is_told_and_the_address_leads_back_after_a_reload(
    ready: App, browser: Browser, watch: Watch
) -> None:
    context, page = opened(browser, watch, ready.url + "?link=abcdefgh")
    expect(page.locator("#i-told")).to_contain_text("not known here")
    page.locator("#i-results .i-hit").first.wait_for()
    go(page, "Runs")
    expect(page).to_have_url(re.compile(r"\?tab=runs&run=r-"))
    page.reload()
    page.locator("#i-detail-head h2").wait_for()
    expect(page).to_have_url(re.compile(r"\?tab=runs&run=r-"))
    assert page.locator("#i-told .i-notice").count() == 0
    context.close()


def test_where_the_clipboard_may_not_be_used_the_link_is_shown_and_chosen(
    ready: App, page: Page
) -> None:
    page.evaluate(
        "() => { navigator.clipboard.writeText = () => Promise.reject(new Error('not allowed')); }"
    )
    page.locator("#i-header [data-act=link]").click()
    field = page.locator("#i-toast input")
    field.wait_for()
    assert "?link=" in field.input_value()
    chosen = "(node) => node.value.slice(node.selectionStart, node.selectionEnd)"
    assert field.evaluate(chosen) == field.input_value()
    page.keyboard.press("Escape")
    expect(page.locator("#i-toast .i-toast")).not_to_have_class(re.compile("shown"))


def test_keys_are_listed_in_a_dialog_that_keeps_the_focus(ready: App, page: Page) -> None:
    page.locator("#i-results .i-hit").first.wait_for()
    dialog = page.locator("#i-help-dialog")
    # the footer that tells of the run has come, and a button of its own with it
    expect(page.locator("#i-footer")).to_contain_text("scenes-small")
    page.locator("#i-footer [data-help]").focus()
    page.keyboard.press("?")
    expect(dialog).to_be_visible()
    assert dialog.evaluate("(node) => node.matches(':modal')")
    for word in ("Everywhere", "the pages"):
        expect(dialog).to_contain_text(word)
    for _ in range(4):
        page.keyboard.press("Tab")
        # the address bar comes after the last button; the page behind never does
        inside = "() => document.activeElement === document.body || document.activeElement.closest('dialog')"
        assert page.evaluate(inside)
    page.keyboard.press("3")  # no key reaches the page behind
    expect(page.locator("#i-page-explore")).to_be_visible()
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    assert page.evaluate("() => document.activeElement.dataset.help !== undefined")
    page.locator("#i-footer [data-help]").click()
    expect(dialog).to_be_visible()
    dialog.get_by_role("button", name="Close").click()
    page.keyboard.press("/")
    assert page.evaluate("() => Boolean(document.activeElement.closest('.i-search'))")


def test_the_first_tab_stop_leads_past_the_header(ready: App, page: Page) -> None:
    page.locator("#i-results .i-hit").first.wait_for()
    page.keyboard.press("Tab")
    skip = page.locator(".i-skip")
    expect(skip).to_be_focused()
    assert skip.evaluate("(node) => node.getBoundingClientRect().left >= 0")
    outline = "() => getComputedStyle(document.activeElement).outlineStyle"
    assert page.evaluate(outline) == "solid"
    page.keyboard.press("Enter")
    assert page.evaluate("() => document.activeElement.getAttribute('role')") == "tabpanel"


def test_every_page_opens_quietly_and_every_picture_has_words(ready: App, page: Page) -> None:
    """With what ``watch`` asserts: no error, no request to anywhere else."""
    page.locator("#i-results .i-hit").first.wait_for()
    for name in PAGES:
        go(page, name)
        page.wait_for_function("() => !document.querySelector('.generating')")
        bare = "() => [...document.images].filter((image) => !image.hasAttribute('alt')).length"
        assert page.evaluate(bare) == 0, name


def test_what_the_run_was_made_with_and_where_data_goes_is_told(ready: App, page: Page) -> None:
    page.locator("#i-results .i-hit").first.wait_for()
    footer = page.locator("#i-footer")
    expect(footer).to_contain_text(re.compile(r"Isthmus \d"))
    expect(footer).to_contain_text(re.compile(r"scenes-small · scene-resnet-\w+( @ \w+)? · minilm"))
    expect(footer).to_contain_text("Nothing leaves this machine")
    assert page.locator("a[href^=http]").count() == 0
    expect(page.locator("#i-header .i-pill")).to_contain_text(re.compile("cpu|cuda"))


def test_a_plot_follows_the_theme_keeps_its_zoom_and_can_be_taken_away(
    ready: App, page: Page
) -> None:
    go(page, "Runs")
    plot = page.locator("#i-run-curves .i-curve-plot").first
    plot.locator(".scatterlayer").wait_for()
    page.evaluate(
        """async () => {
          const plot = document.querySelector("#i-run-curves .i-curve-plot");
          await Plotly.relayout(plot, { "xaxis.range": [100, 300] });
          plot.seen = plot._fullLayout.font.color;
        }"""
    )
    page.locator("[data-theme-toggle]").click()
    themed = """() => { const plot = document.querySelector("#i-run-curves .i-curve-plot");
                        return plot.seen && plot._fullLayout.font.color !== plot.seen; }"""
    page.wait_for_function(themed)
    # the same numbers come again with whatever changes of any run
    page.locator("#i-do-rename").click()
    page.locator("#i-name input, #i-name textarea").fill("Demonstration once more")
    page.locator("#i-name input, #i-name textarea").press("Enter")
    page.locator("#i-detail-head h2", has_text="once more").wait_for()
    kept = """() => { const plot = document.querySelector("#i-run-curves .i-curve-plot");
                      return plot.seen ? plot._fullLayout.xaxis.range : null; }"""
    assert page.evaluate(kept) == [100, 300]
    expect(page).to_have_url(re.compile(r"run=r-\w+"))
    run = re.search(r"run=(r-\w+)", page.url)
    assert run is not None
    for label in ("PNG", "CSV"):
        with page.expect_download() as download:
            page.locator("#i-run-curves .i-save button", has_text=label).first.click()
        assert download.value.suggested_filename == f"{run[1]}-loss.{label.lower()}"
    assert download.value.path().read_text().startswith('"series","step","value"')
    page.locator("#i-do-rename").click()
    page.locator("#i-name input, #i-name textarea").fill("Demonstration")
    page.locator("#i-name input, #i-name textarea").press("Enter")
    page.locator("#i-detail-head h2", has_text=re.compile("^Demonstration$")).wait_for()


def test_only_the_page_that_is_open_asks_for_what_it_shows(ready: App, page: Page) -> None:
    """A change of what all pages share is answered for the open one; the others hear of it when they open."""
    config = json.loads(urllib.request.urlopen(f"{ready.url}config").read())
    place: dict[int, str] = {}

    def walk(node: dict[str, Any], inside: str) -> None:
        name = str(labels.get(node["id"]) or "")
        inside = name.removeprefix("i-page-") if name.startswith("i-page-") else inside
        place[node["id"]] = inside
        for child in node.get("children") or ():
            walk(child, inside)

    labels = {each["id"]: each["props"].get("elem_id") for each in config["components"]}
    walk(config["layout"], "")
    pages = {
        each["id"]: {place[out] for out in each["outputs"] if place.get(out)}
        for each in config["dependencies"]
    }
    page.locator("#i-results .i-hit").first.wait_for()
    asked: list[int] = []

    def hear(request: Request) -> None:
        sent = request.post_data_json if request.method == "POST" else None
        if isinstance(sent, dict) and "fn_index" in sent:
            asked.append(sent["fn_index"])

    page.on("request", hear)
    for name, label in (("explore", None), ("evaluate", "Evaluate"), ("map", "Map")):
        asked.clear()
        if label is None:
            page.reload()
            page.locator("#i-results .i-hit").first.wait_for()
        else:
            go(page, label)
            expect(page.locator(f"#i-{name}-run input")).to_have_value(re.compile("Demonstration"))
        page.wait_for_timeout(3_000)
        assert asked
        # what is on several pages is the frame's: which part of each an address opens
        assert {other for each in asked if len(pages[each]) == 1 for other in pages[each]} == {name}


def test_an_idle_page_comes_to_rest(ready: App, page: Page) -> None:
    """Once what was asked for is there, nothing is asked any more: no clock ticks."""
    page.locator("#i-results .i-hit").first.wait_for()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    for name in ("Map", "Runs"):
        go(page, name)
        for _ in range(20):  # a busy machine may take a while until all is there
            asked.clear()
            page.wait_for_timeout(4_000)
            if not asked:
                break
        assert asked == [], name
