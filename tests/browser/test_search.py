"""Searching as a person does: typing, mixing, cropping, filtering, with keys and on a narrow screen."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Request, Route, expect

from tests.browser.conftest import App, Watch
from tests.browser.test_app import go, search

#: notes every query that is ever shown, however short
_NOTE_ALL = """() => {
  window.shown = [];
  new MutationObserver(() => {
    const now = document.querySelector("#i-chip strong")?.textContent;
    if (now && shown.at(-1) !== now) shown.push(now);
  }).observe(document.querySelector("#i-results"), { subtree: true, childList: true, characterData: true });
}"""
#: how the request begins that typing sends
_TYPED = '"data":[{"text":'
_SHIFT = """async () => {
  let moved = 0;
  const watch = new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) if (!entry.hadRecentInput) moved += entry.value;
  });
  watch.observe({ type: "layout-shift" });
  for (let step = 0; step < 40; step++) {
    scrollBy(0, 200);
    await new Promise((done) => requestAnimationFrame(done));
  }
  scrollTo(0, 0);
  return moved;
}"""
_PASTE = """async () => {
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = 64;
  canvas.getContext("2d").fillRect(9, 9, 30, 30);
  const blob = await new Promise((done) => canvas.toBlob(done));
  const given = new DataTransfer();
  given.items.add(new File([blob], "pasted.png", { type: "image/png" }));
  document.querySelector("#i-query input").dispatchEvent(
    new ClipboardEvent("paste", { clipboardData: given, bubbles: true, cancelable: true }));
}"""


def settled(page: Page) -> None:
    """Waits until what is shown answers what is asked."""
    page.wait_for_function(
        "() => !document.querySelector('#i-results[aria-busy], #i-results .pending')"
    )


def pieces(page: Page) -> list[str]:
    """The parts of the query, each with its sign before it."""
    settled(page)
    parts = page.locator("#i-chip .i-piece")
    return [
        f"{part.locator('.i-piece-sign').text_content()} {part.locator('strong').text_content()}"
        for part in parts.all()
    ]


def focused(page: Page) -> str:
    """The rank of the answer that the keyboard is at, else the element's name."""
    told: str = page.evaluate(
        "document.activeElement.closest('.i-hit')?.dataset.rank ?? document.activeElement.tagName"
    )
    return told


def test_an_answer_that_comes_late_is_never_shown_over_newer_words(ready: App, page: Page) -> None:
    page.locator("#i-results .i-hit").first.wait_for()
    held: list[Route] = []
    sent: list[str] = []

    def slowly(route: Route) -> None:
        body = route.request.post_data or ""
        if _TYPED in body and "two blue" in body and not held:
            held.append(route)  # as a server does that takes long for this one query
        else:
            route.continue_()

    def note(request: Request) -> None:
        if "queue/join" in request.url and _TYPED in (request.post_data or ""):
            sent.append(request.post_data or "")

    page.on("request", note)
    page.route("**/queue/join*", slowly)
    page.evaluate(_NOTE_ALL)
    box = page.locator("#i-query input")
    box.fill("two blue squares")
    page.wait_for_function("() => document.querySelector('#i-results').ariaBusy === 'true'")
    while not held:
        page.wait_for_timeout(20)
    box.fill("")
    box.press_sequentially("a red circle", delay=15)
    page.wait_for_timeout(400)  # longer than the silence after which words are sent
    expect(box).to_have_value("a red circle")
    held[0].continue_()
    expect(page.locator("#i-chip strong")).to_have_text("“a red circle”")
    settled(page)
    assert page.evaluate("window.shown") == ["“a red circle”"]
    assert len(sent) == 2 and "a red circle" in sent[1], "what was typed in between is not asked"
    expect(box).to_have_value("a red circle")
    page.unroute_all(behavior="wait")


def test_answers_are_mixed_weighed_and_taken_out_again(ready: App, page: Page) -> None:
    search(page, "a red circle")
    for rank, act in (("3", "plus"), ("2", "minus")):
        card = page.locator(f'#i-results .i-hit[data-rank="{rank}"]')
        card.hover()
        card.locator(f"[data-act={act}]").click()
        settled(page)
    mixed = pieces(page)
    assert [each[0] for each in mixed] == ["+", "+", "−"] and mixed[0] == "+ “a red circle”"

    # words that are typed take the place of the words alone
    page.locator("#i-query input").fill("a blue star")
    expect(page.locator("#i-chip strong").first).to_have_text("“a blue star”")
    assert pieces(page)[1:] == mixed[1:]

    order = (
        "() => [...document.querySelectorAll('#i-results .i-hit')].map((n) => n.dataset.id).join()"
    )
    before = page.evaluate(order)
    page.locator("[data-weigh='0']").focus()
    for _ in range(8):
        page.keyboard.press("ArrowLeft")
    expect(page.locator("#i-chip output").first).to_have_text("× 0.25")
    page.wait_for_function(f"(before) => ({order})() !== before", arg=before)
    assert focused(page) == "INPUT", "the slider keeps the keyboard"

    page.locator("#i-chip .i-piece-sign").nth(2).click()
    expect(page.locator("#i-chip .i-piece.minus")).to_have_count(0)
    settled(page)
    page.locator("#i-chip .i-piece-remove").nth(1).click()
    expect(page.locator("#i-chip .i-piece")).to_have_count(2)
    settled(page)
    page.locator("#i-chip [data-act=alone]").click()
    expect(page.locator("#i-chip .i-piece")).to_have_count(1)
    assert pieces(page) == ["+ “a blue star”"]
    page.locator("#i-chip [data-act=clear]").click()
    page.locator("#i-examples").wait_for()
    expect(page.locator("#i-query input")).to_have_value("")


def test_a_region_is_drawn_moved_with_the_keyboard_and_given_up(ready: App, page: Page) -> None:
    page.locator("#i-results .i-hit-face").first.click()
    page.locator("#i-chip img").wait_for()
    page.locator("#i-chip [data-act=crop-open]").click()
    frame = page.locator(".i-crop-frame")
    page.wait_for_function("() => document.querySelector('.i-crop-frame img')?.naturalWidth")
    place = frame.bounding_box()
    assert place
    page.mouse.move(place["x"] + place["width"] * 0.25, place["y"] + place["height"] * 0.25)
    page.mouse.down()
    page.mouse.move(place["x"] + place["width"] * 0.75, place["y"] + place["height"] * 0.5, steps=4)
    page.mouse.up()
    expect(page.locator("#i-chip small")).to_have_text("a region")
    settled(page)
    box = page.locator(".i-crop-box")
    expect(box).to_be_focused()

    def part(name: str) -> float:
        return float(box.evaluate(f"(node) => Number.parseFloat(node.style.{name})"))

    assert part("left") == pytest.approx(25, abs=2) and part("width") == pytest.approx(50, abs=2)
    left, height = part("left"), part("height")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Shift+ArrowDown")
    assert part("left") == pytest.approx(left + 2, abs=0.1)
    assert part("height") == pytest.approx(height + 2, abs=0.1)
    page.wait_for_function("() => document.querySelector('#i-results').ariaBusy === 'true'")
    settled(page)
    expect(box).to_be_focused()
    page.locator(".i-crop [data-act=crop]").click()
    expect(page.locator("#i-chip small")).to_have_count(0)
    settled(page)
    page.locator(".i-crop [data-act=crop-close]").click()
    expect(page.locator(".i-crop")).to_have_count(0)


def test_both_are_searched_filtered_and_shown_on_the_map(ready: App, page: Page) -> None:
    search(page, "a striped star")
    page.locator("#i-explore-target label", has_text="Both").click()
    expect(page.locator(".i-both .i-gallery")).to_have_count(2)
    expect(page.locator(".i-result-why")).to_contain_text("ranked for itself")
    whole = page.locator(".i-result-line").first.text_content() or ""
    page.locator("#i-filter-by input").click()
    page.get_by_role("option").nth(1).click()
    page.locator("#i-filter-values input").click()
    page.get_by_role("option").first.click()
    left = page.locator(".i-filters .i-soft")
    expect(left).to_have_text(
        re.compile(r"[\d,]+ of [\d,]+ images and [\d,]+ of [\d,]+ captions left")
    )
    page.locator("#i-hide input").check()
    settled(page)
    expect(page.locator(".i-result-line").first).to_contain_text(" of ")
    page.locator(".i-filters [data-act=unfilter]").click()
    expect(page.locator(".i-filters")).to_have_count(0)
    expect(page.locator("#i-filter-values .token")).to_have_count(0)
    page.locator("#i-hide input").uncheck()
    settled(page)
    searched = whole.split(" · ")[0]
    expect(page.locator(".i-result-line").first).to_contain_text(searched)

    page.locator("[data-act=map]").click()
    page.locator("#i-tabs [role=tab][aria-selected=true]", has_text="Map").wait_for()
    go(page, "Explore")
    expect(page.locator("#i-query input")).to_have_value("a striped star")
    page.locator("#i-offer button", has_text="48 points").click()
    expect(page.locator(".i-result-line").first).to_contain_text("24 of ")
    page.locator(".i-filters [data-act=everywhere]").click()
    expect(page.locator(".i-result-line").first).to_contain_text(searched)


def test_answers_are_walked_through_with_the_keyboard(ready: App, page: Page) -> None:
    page.locator("#i-results .i-hit").first.wait_for()
    page.keyboard.press("/")
    page.keyboard.type("a blue star")
    page.keyboard.press("Enter")
    page.locator("#i-chip", has_text="a blue star").wait_for()
    settled(page)
    walked = []
    for key in ("ArrowDown", "ArrowRight", "ArrowRight", "ArrowLeft", "End", "Home"):
        page.keyboard.press(key)
        walked.append(focused(page))
    assert walked == ["1", "2", "3", "2", "24", "1"]
    page.keyboard.press("ArrowDown")
    below = int(focused(page))
    assert below > 2, "a row further down"
    page.keyboard.press("ArrowUp")
    assert focused(page) == "1"
    ring = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert ring == "solid"
    page.keyboard.press("ArrowRight")
    chosen = page.evaluate("document.activeElement.dataset.arg")
    page.keyboard.press("Enter")
    page.locator("#i-chip img").wait_for()
    settled(page)
    assert page.locator('#i-results .i-hit[data-rank="1"]').get_attribute("data-id") == chosen
    assert focused(page) == "1"
    page.keyboard.press("ArrowRight")
    page.keyboard.press("-")
    expect(page.locator("#i-chip .i-piece.minus")).to_have_count(1)
    settled(page)
    page.keyboard.press("Escape")
    assert focused(page) == "INPUT"
    page.keyboard.type("a red")
    page.keyboard.press("Escape")
    expect(page.locator("#i-query input")).to_have_value("")
    without = page.evaluate(
        "[...document.querySelectorAll('#i-page-explore img')].filter((n) => !n.alt).length"
    )
    assert without == 0


def test_two_hundred_answers_stay_where_they_are_while_one_scrolls(ready: App, page: Page) -> None:
    search(page, "a circle")
    page.locator("#i-more [data-arg='200']").click()
    expect(page.locator("#i-results .i-hit")).to_have_count(200)
    settled(page)
    assert page.evaluate(_SHIFT) < 0.01
    page.locator("#i-results .i-hit-face").nth(150).click()
    page.locator("#i-chip img").wait_for()
    settled(page)
    expect(page.locator('#i-results .i-hit[data-rank="1"]')).to_be_in_viewport()


def test_a_picture_is_pasted_and_what_was_typed_gives_way(ready: App, page: Page) -> None:
    search(page, "a red circle")
    page.evaluate(_PASTE)
    expect(page.locator("#i-chip strong")).to_have_text("pasted.png")
    expect(page.locator("#i-query input")).to_have_value("")
    page.locator("#i-query input").press_sequentially("green")
    expect(page.locator("#i-chip .i-piece")).to_have_count(2)
    settled(page)
    assert sorted(pieces(page)) == ["+ pasted.png", "+ “green”"]


def test_chips_are_used_with_a_thumb_on_a_narrow_screen(
    ready: App, browser: Browser, watch: Watch, tmp_path: Path
) -> None:
    context = browser.new_context(
        reduced_motion="reduce", viewport={"width": 390, "height": 844}, has_touch=True
    )
    page = watch.attach(context.new_page())
    page.goto(ready.url)
    page.locator("#i-results .i-hit").first.wait_for()
    search(page, "a red circle beside a small striped yellow star on a wooden table")
    for rank in ("1", "2", "3"):
        page.locator(f'#i-results .i-hit[data-rank="{rank}"] [data-act=plus]').tap()
        settled(page)
    page.locator("#i-explore-target label", has_text="Both").click()
    page.locator(".i-both").wait_for()
    page.locator("#i-chip [data-act=crop-open]").first.tap()
    page.locator(".i-crop").wait_for()
    settled(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    wide = "[...document.querySelectorAll('#i-chip .i-piece')].map((n) => n.getBoundingClientRect().right)"
    assert max(page.evaluate(wide)) <= 390
    page.locator("#i-chip .i-piece-remove").last.tap()
    expect(page.locator("#i-chip .i-piece")).to_have_count(3)
    context.close()
