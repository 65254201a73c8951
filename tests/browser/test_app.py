"""A person's way through the app, in order: first start, search, map, drift, a run of one's own."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from backend.scenes.parsing import parse
from tests.browser.conftest import HOSTILE, PATIENCE_MS, App, Watch

PAGES = (
    "Explore",
    "Map",
    "Drift",
    "Evaluate",
    "Composition",
    "Similarity",
    "Modality gap",
    "Words",
    "Diagnostics",
    "Encoders",
    "Leaderboard",
    "Runs",
    "Sweeps",
    "Encoders & data",
    "Data sets",
    "Stored features",
    "New run",
)


def go(page: Page, name: str) -> None:
    """Opens one of the pages, or of the parts of the one that is open."""
    tab = page.get_by_role("tab", name=name, exact=True)
    page.locator("#i-tabs").wait_for()
    if tab.count() == 0:  # on a narrow screen it stands in the menu of its bar
        behind = page.locator(".overflow-menu").filter(
            has=page.locator("button", has_text=re.compile(f"^{re.escape(name)}$"))
        )
        behind.get_by_label("More tabs").click()
        tab = behind.locator(".overflow-dropdown").get_by_text(name, exact=True)
    tab.click()


def search(page: Page, text: str) -> None:
    """Types a query on Explore and waits for its answers."""
    page.locator("#i-query input").fill(text)
    page.locator("#i-query input").press("Enter")
    page.locator("#i-chip", has_text=text).wait_for()


def mapped(page: Page) -> None:
    """Waits for the page Map to have drawn its points."""
    page.locator("#i-map .i-map[data-shown]").wait_for()


def point(page: Page, row: int) -> tuple[float, float]:
    """Where the map's point number ``row`` is drawn, in pixels of the window; images come first."""
    mapped(page)
    x, y = page.evaluate("(row) => document.querySelector('#i-map .i-map').isthmus.place(row)", row)
    return x, y


def choose(page: Page, field: str, text: str) -> None:
    """Picks an entry of a list, or types one of one's own."""
    box = page.locator(f"{field} input")
    box.click()
    box.fill(text)
    box.press("Enter")


def launch(page: Page, name: str) -> None:
    """Launches the run as filled in and waits for its card."""
    page.locator("#i-field-name input, #i-field-name textarea").fill(name)
    page.locator("#i-launch-button").click()
    page.locator("#i-activity .i-progress", has_text=name).wait_for()


def test_first_start_shows_the_demonstration_being_made_and_opens_it(page: Page) -> None:
    waiting = page.locator("#i-results .i-empty")
    expect(waiting.or_(page.locator("#i-results .i-hit").first)).to_be_visible()
    page.locator("#i-results .i-hit").first.wait_for(timeout=PATIENCE_MS)
    assert page.locator("#i-results .i-hit img").count() >= 12
    loaded = "() => [...document.querySelectorAll('#i-results img')].some((i) => i.naturalWidth)"
    page.wait_for_function(loaded)
    expect(page.locator("#i-explore-run input")).not_to_have_value("")


def test_a_search_for_a_red_circle_finds_one_at_rank_one(ready: App, page: Page) -> None:
    search(page, "a red circle")
    first = page.locator('#i-results .i-hit[data-rank="1"]')
    first.wait_for()
    captions = first.locator(".i-hit-body p, .i-hit-body li").all_text_contents()
    mentions = [each for caption in captions for each in parse(caption).mentions]
    looks = {(each.colour, each.shape) for each in mentions}
    assert ("red", "circle") in looks
    expect(page.locator(".i-result-line")).to_contain_text(
        re.compile(r"[\d,]+ images searched · exact · [\d.]+ m?s")
    )


def test_a_result_becomes_the_next_query_and_its_own_pair_is_marked(ready: App, page: Page) -> None:
    search(page, "a blue star")
    page.locator('#i-results .i-hit[data-rank="1"] .i-hit-face').click()
    page.locator("#i-chip img").wait_for()
    page.locator("#i-explore-target label", has_text="Captions").click()
    page.locator("#i-results .i-gallery.text").wait_for()
    expect(page.locator(".i-result-line")).to_contain_text("its own pair is at rank")


def test_a_picture_is_a_query_and_a_broken_one_gets_a_sentence(
    ready: App, page: Page, tmp_path: Path
) -> None:
    picture = next((ready.home / "indexes" / "thumbnails").rglob("*.*"))
    page.locator("#i-upload input[type=file], input[type=file]").first.set_input_files(picture)
    page.locator('#i-results .i-hit[data-rank="1"]').wait_for()
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"no picture at all")
    page.locator("#i-upload input[type=file], input[type=file]").first.set_input_files(broken)
    expect(page.locator("#i-results .i-notice.bad")).to_be_visible()


def test_a_drift_cycle_runs_step_by_step_from_a_seed(ready: App, page: Page) -> None:
    go(page, "Drift")
    page.locator(".i-choice").nth(1).click()
    strip = page.locator(".i-strip").first
    strip.wait_for()
    frames = strip.locator(".i-frame")
    assert frames.count() == 11
    assert frames.nth(0).locator(".i-score").text_content() == "1.000"
    sides = [frames.nth(step).locator(".i-side").text_content() for step in range(4)]
    assert sides == ["image", "caption", "image", "caption"]
    page.locator("#i-drift-curves .i-curve-plot .scatterlayer").wait_for()


def test_a_wrong_field_is_told_at_the_field_and_nothing_is_lost(ready: App, page: Page) -> None:
    go(page, "New run")
    choose(page, "#i-field-dataset", "/no/such/folder")
    page.locator("#i-field-name input, #i-field-name textarea").fill("kept")
    page.locator("#i-launch-button").click()
    expect(page.locator("#i-launch-error .i-notice.bad")).to_be_visible()
    fault = page.locator(".i-field-fault .i-notice.bad")
    expect(fault).to_have_count(1)
    expect(fault).to_contain_text("folder")
    expect(page.locator("#i-field-name input, #i-field-name textarea")).to_have_value("kept")


def test_a_run_is_launched_watched_from_two_browsers_over_a_reload_and_finishes(
    ready: App, page: Page, browser: Browser, watch: Watch
) -> None:
    name = '<img src=x onerror="window.__xss = 1">second'
    go(page, "New run")
    # the demonstration's pictures and captions with the other encoder: its captions are stored already
    choose(page, "#i-field-dataset", "scenes-small")
    choose(page, "#i-field-image-encoder", "scene-resnet-ssl")
    launch(page, name)
    page.reload()
    card = page.locator("#i-activity .i-progress", has_text="second")
    card.wait_for()
    other = browser.new_context(reduced_motion="reduce")
    second = watch.attach(other.new_page())
    second.goto(ready.url + "?tab=runs")
    second.locator(".i-runs tr", has_text="second").wait_for()
    finished = second.locator(".i-runs tr", has_text="second").locator(".i-badge.finished")
    finished.wait_for(timeout=PATIENCE_MS)
    expect(second.locator("#i-run-scores .i-scores").first).to_be_visible()
    other.close()
    card.get_by_role("button", name="Explore it").click()
    search(page, "a red circle")
    expect(page.locator("#i-explore-run input")).to_have_value(re.compile("second"))
    assert page.evaluate("window.__xss") is None


def test_two_runs_drift_side_by_side_and_are_compared(ready: App, page: Page) -> None:
    go(page, "Drift")
    page.locator(".i-choice").nth(2).click()
    expect(page.locator(".i-cycle")).to_have_count(2)
    go(page, "Runs")
    page.locator(".i-box").nth(0).click()
    page.locator('.i-box[aria-checked="true"]').wait_for()
    page.locator(".i-box").nth(1).click()
    table = page.locator("#i-compared .i-compare")
    table.wait_for()
    expect(table).to_contain_text("image_encoder")
    expect(table).to_contain_text("R@1 text → image")
    expect(page.locator("#i-paired")).to_contain_text("Better than")
    expect(page.locator("#i-paired .i-compare tbody tr")).to_have_count(8)
    with page.expect_download() as download:
        page.locator("#i-paired a", has_text="CSV").click()
    assert "text_to_image/recall_at_1" in download.value.path().read_text()
    expect(page.locator("#i-run-scores")).to_contain_text("Trustworthiness")

    # what a run gets wrong, and from there to a search
    page.locator("#i-wrong button.label-wrap").click()
    page.locator(".i-mistake").first.wait_for()
    ranks = page.locator(".i-mistake").first.locator("small", has_text="at rank").text_content()
    page.locator("#i-wrong-side label", has_text="image → text").click()
    expect(page.locator(".i-mistake small", has_text="at rank").first).not_to_have_text(ranks or "")
    page.locator(".i-mistake").first.locator(".i-mistake-cell.image").click()
    page.locator("#i-page-explore .i-query").wait_for()


def test_captions_of_ones_own_folder_stay_text(ready: App, page: Page, hostile: Path) -> None:
    go(page, "New run")
    choose(page, "#i-field-dataset", str(hostile))
    expect(page.locator(".i-about", has_text="12 images").first).to_be_visible()
    launch(page, "own folder")
    done = page.locator("#i-activity .i-progress[data-status=finished]")
    done.wait_for(timeout=PATIENCE_MS)
    done.get_by_role("button", name="Explore it").click()
    page.locator("#i-results", has_text=HOSTILE).wait_for()
    go(page, "Map")
    page.locator("#i-map-side .i-button", has_text="random").click()
    page.locator(".i-near", has_text=HOSTILE).wait_for()
    x, y = point(page, 0)
    page.mouse.move(x - 3, y)
    page.mouse.move(x, y)
    expect(page.locator(".i-map-card p")).to_contain_text("<img")
    assert page.evaluate("window.__xss") is None


def test_a_run_is_renamed_and_deleted_after_a_question(ready: App, page: Page) -> None:
    go(page, "Runs")
    page.locator(".i-runs .i-link", has_text="own folder").click()
    page.locator("#i-detail-head h2", has_text="own folder").wait_for()
    page.locator("#i-do-rename").click()
    page.locator("#i-name input, #i-name textarea").fill("another name")
    page.locator("#i-name input, #i-name textarea").press("Enter")
    page.locator("#i-detail-head h2", has_text="another name").wait_for()
    # what is asked about one run is put away when another is opened
    page.locator("#i-do-rename").click()
    expect(page.locator("#i-name")).to_be_visible()
    page.locator(".i-runs .i-link", has_text="second").click()
    expect(page.locator("#i-name")).to_be_hidden()
    page.locator(".i-runs .i-link", has_text="another name").click()
    page.locator("#i-detail-head h2", has_text="another name").wait_for()
    page.locator("#i-do-delete").click()
    expect(page.locator("#i-delete-question")).to_contain_text("another name")
    page.locator("#i-do-sure").click()
    expect(page.locator(".i-runs tr", has_text="another name")).to_have_count(0)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_narrow_screen_never_scrolls_sideways(
    ready: App, browser: Browser, watch: Watch, theme: str
) -> None:
    context = browser.new_context(reduced_motion="reduce", viewport={"width": 390, "height": 844})
    page = watch.attach(context.new_page())
    page.goto(f"{ready.url}?__theme={theme}")
    page.locator("#i-results .i-hit").first.wait_for()
    for name in PAGES:
        go(page, name)
        page.wait_for_function("() => !document.querySelector('.generating')")
        wide = page.evaluate("document.documentElement.scrollWidth")
        assert wide <= 390, f"{name} is {wide} pixels wide"
    context.close()


def test_dark_is_dark_and_the_switch_makes_it_light(
    ready: App, browser: Browser, watch: Watch
) -> None:
    context = browser.new_context(reduced_motion="reduce")
    page = watch.attach(context.new_page())
    page.goto(f"{ready.url}?__theme=dark")
    page.locator("#i-results .i-hit").first.wait_for()
    brightness = """() => getComputedStyle(document.querySelector(".gradio-container"))
      .backgroundColor.match(/\\d+/g).slice(0, 3).reduce((a, b) => a + Number(b), 0)"""
    assert page.evaluate(brightness) < 120
    page.locator("[data-theme-toggle]").click()
    assert page.evaluate(brightness) > 650
    context.close()
