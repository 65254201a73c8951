"""The map in a browser: points picked and chosen, colours, layouts, pictures of it; also without WebGL."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from typing import Any

import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import PATIENCE_MS, App, Watch
from tests.browser.test_app import go, mapped, point

STATE = "() => document.querySelector('#i-map .i-map').isthmus.state()"
PLACES = """() => {
  const map = document.querySelector('#i-map .i-map').isthmus, n = map.state().n;
  return Array.from({ length: n }, (_, row) => map.place(row));
}"""


@pytest.fixture
def map_page(ready: App, page: Page) -> Iterator[Page]:
    """The page Map with its points drawn and its layout ready."""
    page.set_viewport_size({"width": 1280, "height": 1200})
    go(page, "Map")
    mapped(page)
    page.locator('#i-map-words [data-layout="umap"]').wait_for(timeout=PATIENCE_MS)
    page.wait_for_function("() => !document.querySelector('#i-map-progress .i-map-progress')")
    yield page


def state(page: Page) -> dict[str, Any]:
    found: dict[str, Any] = page.evaluate(STATE)
    return found


def drag(page: Page, box: tuple[float, float, float, float], held: str | None = None) -> int:
    """Drags from one corner of a box of pixels to the other; how many points lie within it."""
    left, top, right, bottom = box
    inside = [left < x < right and top < y < bottom for x, y in page.evaluate(PLACES)]
    if held:
        page.keyboard.down(held)
    page.mouse.move(left, top)
    page.mouse.down()
    page.mouse.move((left + right) / 2, bottom)
    page.mouse.move(right, bottom)
    page.mouse.up()
    if held:
        page.keyboard.up(held)
    return sum(inside)


def middle(page: Page, width: float, height: float) -> tuple[float, float, float, float]:
    """A box of pixels in the middle of the map."""
    box = page.locator("#i-map .i-map-stage").bounding_box()
    assert box is not None
    # whole pixels: a mouse is at no other place
    x, y = round(box["x"] + box["width"] / 2), round(box["y"] + box["height"] / 2)
    return x - width / 2, y - height / 2, x + width / 2, y + height / 2


def pick(page: Page, row: int) -> None:
    """Clicks on a point and waits for its neighbours."""
    x, y = point(page, row)
    page.mouse.click(x, y)
    page.locator(".i-near").wait_for()


def test_a_point_shows_itself_its_neighbours_and_the_way_to_its_partner(map_page: Page) -> None:
    page = map_page
    x, y = point(page, 7)
    page.mouse.move(x - 3, y)
    page.mouse.move(x, y)
    expect(page.locator(".i-map-ring")).to_be_visible()
    expect(page.locator(".i-map-card p")).to_be_visible()
    pick(page, 7)
    assert page.locator(".i-near-image").count() == 8
    assert page.locator(".i-near-text-row").count() == 8
    expect(page.locator(".i-near-rank")).to_contain_text(re.compile("nearest|at rank"))
    expect(
        page.locator("#i-map .rays line.partner, #i-map .rays line.retrieved").first
    ).to_be_attached()
    expect(page.locator(".i-map-rays")).to_contain_text("partner")
    page.locator(".i-near-image").first.hover()  # what lies beside the map is ringed on it
    expect(page.locator(".i-map-ring")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("#i-map-side .i-empty")).to_be_visible()
    expect(page.locator("#i-map .rays line")).to_have_count(0)


def test_colours_change_and_everything_else_stays(map_page: Page) -> None:
    page = map_page
    expect(page.locator(".i-map-key")).to_have_count(2)
    x, y = point(page, 20)
    page.mouse.move(x, y)
    page.mouse.wheel(0, -400)
    seen = state(page)["sight"]
    canvas = page.locator("#i-map canvas").element_handle()
    page.locator("#i-map-prompt input").fill("a red circle")
    page.locator("#i-map-prompt input").press("Enter")
    expect(page.locator(".i-map-scale")).to_be_visible()
    expect(page.locator("#i-map g.pin", has_text="a red circle")).to_be_attached()
    page.locator("#i-map-colour input").click()
    page.get_by_role("option", name="Shape", exact=True).click()
    page.wait_for_function("() => document.querySelectorAll('.i-map-key').length > 2")
    expect(page.locator("#i-map g.pin")).to_have_count(0)
    assert state(page)["sight"] == seen
    assert page.evaluate("(node) => node === document.querySelector('#i-map canvas')", canvas)
    page.mouse.dblclick(x, y)
    page.wait_for_function(f"(seen) => ({STATE})().sight.x[0] < seen", arg=seen["x"][0])


def test_the_legend_hides_and_shows_alone_also_by_the_keyboard(map_page: Page) -> None:
    keys = map_page.locator(".i-map-key")
    keys.nth(0).click()
    expect(keys.nth(0)).to_have_attribute("aria-pressed", "false")
    assert state(map_page)["hidden"] == [0]
    keys.nth(0).press("Enter")
    assert state(map_page)["hidden"] == []
    keys.nth(0).press("Shift+Enter")
    assert state(map_page)["hidden"] == [1]
    keys.nth(0).press("Shift+Enter")
    assert state(map_page)["hidden"] == []
    keys.nth(1).dblclick()
    assert state(map_page)["hidden"] == [0]


def test_points_are_chosen_added_and_taken_away_and_seen_on_other_pages(map_page: Page) -> None:
    page = map_page
    chosen = page.locator(".i-map-chosen")
    page.locator("#i-map [data-tool=box]").first.click()
    left, top, right, bottom = middle(page, 220, 200)
    some = drag(page, (left, top, right, bottom))
    expect(chosen).to_contain_text(f"{some:,} chosen")
    expect(page.locator(".i-side-tabs")).to_contain_text(f"{some:,} chosen")
    more = drag(page, (right, top, right + 80, bottom), "Shift")
    expect(chosen).to_contain_text(f"{some + more:,} chosen")
    # again at once: the answer to the one before may still be under way
    fewer = drag(page, (left, top, left + 90, bottom), "Alt")
    expect(chosen).to_contain_text(f"{some + more - fewer:,} chosen")
    count = some + more - fewer
    expect(page.locator("#i-map-csv")).to_contain_text(f"{count:,} chosen points")
    with page.expect_download() as download:
        page.locator("#i-map-csv").click()
    rows = list(csv.DictReader(download.value.path().read_text().splitlines()))
    assert len(rows) == count

    page.locator("#i-map-table-fold button.label-wrap").click()
    cell = page.locator(
        "#i-map-table [role=gridcell]", has_text=re.compile(r"^\s*(image|text):")
    ).first
    cell.click()
    page.locator(".i-near").wait_for()
    expect(page.locator("#i-map .rays path.centre")).to_be_attached()
    page.locator(".i-side-tabs button", has_text="chosen").click()
    page.locator(".i-chosen .i-button", has_text="Search within").click()
    page.locator("#i-page-explore").wait_for()
    expect(page.locator("#i-page-explore")).to_contain_text(f"{count:,}")
    go(page, "Map")
    expect(chosen).to_contain_text(f"{count:,} chosen")
    page.locator(".i-map-chosen button").click()
    expect(page.locator(".i-side-tabs")).to_have_count(0)
    expect(page.locator("#i-map-side .i-near").first).to_be_visible()  # the point that was picked
    expect(page.locator("#i-map-csv")).to_contain_text("All points")


def test_answers_of_explore_are_marked_on_the_map(ready: App, page: Page) -> None:
    page.locator("#i-query input").fill("a blue star")
    page.locator("#i-query input").press("Enter")
    page.locator("#i-results .i-button", has_text="Show on map").first.click()
    mapped(page)
    expect(page.locator("#i-map g.pin", has_text="a blue star")).to_be_attached()
    expect(page.locator(".i-map-chosen")).to_contain_text("24 chosen")
    expect(page.locator(".i-chosen .i-near-image")).to_have_count(24)
    expect(page.locator(".i-map-rays")).to_contain_text("what is searched for")


def test_it_is_laid_out_anew_with_pca_until_that_is_done_and_in_space(map_page: Page) -> None:
    page = map_page
    page.locator("#i-map-layout button.label-wrap").click()
    page.locator("#i-map-graph").get_by_label("Joint").check()
    expect(page.locator("#i-map-layout")).to_contain_text("two islands")
    page.locator("#i-map-go").click()
    page.locator('#i-map-words [data-layout="pca"]').wait_for()
    page.locator('#i-map-words [data-layout="umap"]').wait_for(timeout=PATIENCE_MS)
    expect(page.locator("#i-map-words")).to_contain_text("Trustworthiness")

    page.locator("#i-map-method").get_by_label("PCA").check()
    page.locator("#i-map-dimensions").get_by_label("In space").check()
    page.locator("#i-map-go").click()
    page.wait_for_function(f"() => 'yaw' in ({STATE})().sight")
    expect(page.locator(".i-map-word")).to_contain_text("flat map")
    expect(page.locator("#i-map [data-tool=lasso]")).to_be_hidden()
    before = state(page)["sight"]
    left, top, right, bottom = middle(page, 120, 40)
    page.mouse.move(left, top)
    page.mouse.down()
    page.mouse.move(right, bottom)
    page.mouse.up()
    assert state(page)["sight"]["yaw"] != before["yaw"]
    pick(page, 3)


def test_what_cannot_be_drawn_is_said(map_page: Page) -> None:
    page = map_page
    page.locator("#i-map-layout button.label-wrap").click()
    missing = page.locator("#i-map-layout .i-about", has_text="pip install")
    if not missing.count():
        pytest.skip("every method is installed here")
    name = "PaCMAP" if "PaCMAP" in missing.inner_text() else "t-SNE"
    page.locator("#i-map-method").get_by_label(name).check()
    page.locator("#i-map-go").click()
    expect(page.locator(".toast-body")).to_contain_text("not installed here: pip install")
    assert state(page)["n"] > 0


def test_pictures_of_it_are_named_after_the_run(map_page: Page) -> None:
    page = map_page
    page.locator("#i-map-prompt input").fill("a red circle")
    page.locator("#i-map-prompt input").press("Enter")
    page.locator("#i-map g.pin").wait_for()
    run = page.evaluate("new URLSearchParams(location.search).get('run')") or "r-"
    files = {}
    for kind in ("png", "svg"):
        page.locator(".i-map-save summary").click()
        with page.expect_download() as download:
            page.locator(".i-map-save button", has_text=kind.upper()).click()
        assert download.value.suggested_filename.startswith(run)
        assert download.value.suggested_filename.endswith(f".{kind}")
        files[kind] = download.value.path()
    size = page.locator("#i-map .i-map-stage").bounding_box()
    assert size is not None
    with Image.open(files["png"]) as picture:
        assert picture.width == pytest.approx(2 * size["width"], abs=2)
        assert picture.height == pytest.approx(2 * size["height"], abs=2)
        colours = picture.convert("RGB").getcolors(1 << 24)
    assert colours is not None and len(colours) > 50
    drawing = files["svg"].read_text()
    assert drawing.count("<circle") >= 100
    assert "a red circle" in drawing


def test_a_theme_is_followed_and_a_narrow_screen_can_be_used(
    ready: App, browser: Browser, watch: Watch
) -> None:
    context = browser.new_context(
        reduced_motion="reduce", viewport={"width": 390, "height": 844}, has_touch=True
    )
    page = watch.attach(context.new_page())
    page.goto(f"{ready.url}?tab=map&__theme=light")
    mapped(page)
    bright = """() => new Promise((done) => requestAnimationFrame(() => {
      const ground = getComputedStyle(document.querySelector('#i-map .i-map')).backgroundColor;
      done(ground.match(/\\d+/g).slice(0, 3).reduce((a, b) => a + Number(b), 0));
    }))"""
    assert page.evaluate(bright) > 700
    page.locator("[data-theme-toggle]").click()
    assert page.evaluate(bright) < 150
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.locator("#i-map").scroll_into_view_if_needed()
    x, y = point(page, 5)
    page.touchscreen.tap(x, y)
    page.locator(".i-near").wait_for()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    context.close()


def test_without_webgl_it_is_drawn_all_the_same_and_that_is_said(
    ready: App, chromium: str, browser: Browser, watch: Watch
) -> None:
    flags = [
        "--no-sandbox",
        "--disable-gpu",
        "--disable-webgl",
        "--disable-webgl2",
        "--disable-3d-apis",
    ]
    without = browser.browser_type.launch(executable_path=chromium, args=flags)
    page = watch.attach(without.new_page(viewport={"width": 1280, "height": 1200}))
    page.goto(f"{ready.url}?tab=map")
    mapped(page)
    expect(page.locator(".i-map-word")).to_contain_text("No WebGL")
    painted = """() => {
      const canvas = document.querySelector('#i-map canvas'), pen = canvas.getContext('2d');
      return pen.getImageData(0, 0, canvas.width, canvas.height).data.some((value) => value > 0);
    }"""
    page.wait_for_function(painted)
    pick(page, 7)
    without.close()
