"""Two runs beside each other in a browser, one in motion, and duels by the keyboard."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from backend.runs.demonstration import REQUEST
from backend.runs.pipeline import run_pipeline
from backend.runs.store import Store
from backend.settings import Settings
from tests.browser.conftest import App, Watch

SECOND = "Second <b>run</b>"
#: in the browser: what the page asks for once it is there waits until it is let go
_HELD = """
  window.held = [];
  const free = window.fetch, go = new Promise((resolve) => { window.release = resolve; });
  window.fetch = async (...given) => {
    const asked = String(given[0]?.url ?? given[0]).includes("/queue/join");
    if (asked && document.querySelector("#i-compare-query")) { held.push(1); await go; }
    return free(...given);
  };
"""


@pytest.fixture(scope="module")
def second(ready: App) -> Iterator[str]:
    """Another run of the demonstration's items, solved in a moment; its id. It is gone afterwards."""
    settings = Settings(home=ready.home)
    store = Store(settings)
    closed = {"method": "ridge", "options": {}, "name": SECOND}
    made = run_pipeline(settings, store, REQUEST.model_copy(update=closed), with_map=False)
    assert made.summary.status == "finished", made.summary.error
    yield made.summary.id
    store.delete_run(made.summary.id)
    store.database.close()


@pytest.fixture
def first(ready: App) -> str:
    """The demonstration's id."""
    settings = Settings(home=ready.home)
    store = Store(settings)
    (run,) = [run.id for run in store.list_runs() if run.demonstration]
    store.database.close()
    return run


@pytest.fixture
def page(fresh: Page) -> Page:
    """Not on the app yet: every test here opens the part that it is about by its address."""
    return fresh


@pytest.fixture
def beside(page: Page, app: App, first: str, second: str) -> Iterator[Page]:
    """The page Side by side with both runs."""
    page.goto(f"{app.url}?tab=compare&run={first}")
    expect(page.locator("#i-compare-two input")).to_have_value(re.compile("Second"))
    yield page


def part(page: Page, name: str) -> None:
    page.locator("#i-compare-tabs").get_by_role("tab", name=name, exact=True).click()


def narrow_enough(page: Page) -> bool:
    return bool(page.evaluate("document.documentElement.scrollWidth <= innerWidth"))


def test_one_query_is_answered_by_both_with_what_moved(beside: Page) -> None:
    beside.locator("#i-compare-query").get_by_role("textbox").fill("a red circle")
    beside.keyboard.press("Enter")
    columns = beside.locator(".i-beside")
    expect(columns).to_have_count(2)
    for column, name in zip((0, 1), ("Demonstration", SECOND), strict=True):
        expect(columns.nth(column).locator("h3")).to_contain_text(name)
        expect(columns.nth(column).locator(".i-beside-hit")).to_have_count(24)
        # every answer says how its rank differs
        expect(columns.nth(column).locator(".i-moved")).to_have_count(24)
    expect(columns.first).to_contain_text(re.compile(r"\d+ of 24 are among the other's first 24"))
    # what both answer lights up in both
    both = beside.evaluate(
        "() => { const [a, b] = [...document.querySelectorAll('.i-beside')].map((column) =>"
        " [...column.querySelectorAll('[data-twin]')].map((hit) => hit.dataset.twin));"
        " return a.find((id) => b.includes(id)); }"
    )
    beside.locator(f'.i-beside [data-twin="{both}"]').first.hover()
    expect(beside.locator(".i-beside .twin")).to_have_count(2)
    # the same is asked on Explore
    beside.locator("#i-tabs").get_by_role("tab", name="Explore").click()
    expect(beside.locator("#i-query input")).to_have_value("a red circle")


def test_what_is_typed_before_the_page_has_its_first_answer_stays(
    page: Page, app: App, first: str, second: str
) -> None:
    page.add_init_script(_HELD)
    page.goto(f"{app.url}?tab=compare&run={first}")
    query = page.locator("#i-compare-query").get_by_role("textbox")
    query.fill("a blue star")
    page.wait_for_function("() => held.length > 0")
    page.evaluate("release()")
    expect(page.locator("#i-compare-answers")).to_contain_text("Ask both runs the same")
    expect(query).to_have_value("a blue star")
    query.press("Enter")
    expect(page.locator(".i-beside")).to_have_count(2)
    # what is asked on Explore meanwhile takes its place
    page.locator("#i-tabs").get_by_role("tab", name="Explore").click()
    page.locator("#i-query input").fill("a red ring")
    page.keyboard.press("Enter")
    expect(page.locator("#i-results .i-hit").first).to_be_visible()
    page.locator("#i-tabs").get_by_role("tab", name="Side by side").click()
    expect(query).to_have_value("a red ring")


def test_two_maps_share_ring_camera_and_selection(beside: Page) -> None:
    part(beside, "Maps")
    beside.locator("#i-compare-layout").get_by_label("PCA").check()
    left, right = (beside.locator(f"#i-compare-{side}") for side in ("left", "right"))
    for each in (left, right):
        expect(each.locator(".i-map")).to_have_attribute("data-points", "1800")
    rows = beside.locator(".i-changed-row")
    expect(rows.first).to_contain_text(re.compile(r"\d+ of 10 kept"))
    rows.first.click()
    expect(beside.locator("#i-compare-pair .i-pair-column")).to_have_count(2)
    centres = [each.locator(".rays .centre") for each in (left, right)]
    for centre in centres:
        expect(centre).to_have_count(1)
    stages = [each.locator(".i-map-stage") for each in (left, right)]
    # pointing at the chosen item on one map rings it on the other
    stages[0].scroll_into_view_if_needed()
    box, place = _box(stages[0]), _place(centres[0])
    beside.mouse.move(box["x"] + place[0], box["y"] + place[1])
    expect(right.locator(".i-map-ring")).to_be_visible()
    # coming nearer on one brings the other as near: its lines move
    before = _place(centres[1])
    beside.mouse.wheel(0, -600)
    expect(centres[1]).not_to_have_attribute("transform", _translate(before))
    # a box drawn on one with Shift chooses on both
    beside.mouse.dblclick(box["x"] + 5, box["y"] + 5)
    beside.keyboard.down("Shift")
    beside.mouse.move(box["x"] + 30, box["y"] + 60)
    beside.mouse.down()
    for x, y in ((0.95, 0.15), (0.95, 0.9), (0.05, 0.9)):
        beside.mouse.move(box["x"] + x * box["width"], box["y"] + y * box["height"], steps=4)
    beside.mouse.up()
    beside.keyboard.up("Shift")
    counts = [each.locator(".i-map-chosen") for each in (left, right)]
    expect(counts[0]).to_contain_text(re.compile(r"\d"))
    expect(counts[1]).to_have_text(counts[0].inner_text())


def test_one_map_moves_from_a_to_b_and_shows_what_is_kept(beside: Page) -> None:
    part(beside, "Maps")
    beside.locator("#i-compare-layout").get_by_label("PCA").check()
    beside.locator("#i-compare-mode").get_by_label("From A to B").check()
    morph = beside.locator("#i-compare-morph")
    slider = morph.get_by_label("Where the map is")
    expect(slider).to_have_attribute("aria-valuetext", "Demonstration")
    slider.press("End")
    expect(slider).to_have_attribute("aria-valuetext", SECOND)
    beside.get_by_label("Colour by").click()
    beside.get_by_role("option", name="Neighbours kept").click()
    expect(morph.locator(".i-map-legend")).to_contain_text(re.compile("neighbours kept", re.I))


def test_a_duel_is_judged_by_keys_and_names_are_told_after_it(beside: Page) -> None:
    part(beside, "Duel")
    expect(beside.locator("#i-duel-scores")).to_contain_text("No duel was judged yet")
    beside.locator("#i-duel-draw").click()
    duel = beside.locator("#i-duel [data-duel]")
    expect(duel.locator(".i-duel-side h3")).to_have_text(["Left", "Right"])
    expect(duel).not_to_contain_text("Demonstration")
    expect(duel).not_to_contain_text("Second")
    beside.locator("body").press("ArrowLeft")
    expect(duel.locator(".i-duel-told")).to_contain_text("You preferred")
    names = set(duel.locator(".i-duel-side h3").all_inner_texts())
    assert {name.split("\n")[0].strip() for name in names} == {"Demonstration", SECOND}
    expect(beside.locator(".i-duel-scores tbody tr")).to_have_count(2)
    # the same key once more judges nothing: this duel is over
    beside.locator("body").press("ArrowLeft")
    was = duel.get_attribute("data-duel")
    beside.locator("body").press("n")
    expect(duel).not_to_have_attribute("data-duel", str(was))
    expect(duel.locator(".i-duel-verdicts")).to_be_visible()
    beside.locator("body").press("ArrowDown")
    expect(duel.locator(".i-duel-told")).to_contain_text("Neither")
    row = beside.locator(".i-duel-scores tbody tr", has_text="Demonstration")
    counts = [int(text) for text in row.locator("td").all_inner_texts()[2:6]]
    assert sum(counts[:3]) == 1 and counts[3] == 1
    # keys that are typed into a field are text
    box = beside.locator("#i-duel-query").get_by_role("textbox")
    beside.locator("body").press("n")
    expect(duel.locator(".i-duel-verdicts")).to_be_visible()
    box.fill("ab")
    box.press("ArrowLeft")
    expect(duel.locator(".i-duel-verdicts")).to_be_visible()


def _map_mode(page: Page, app: App, run: str, label: str) -> None:
    page.goto(f"{app.url}?tab=map&run={run}")
    page.locator("#i-map-mode").get_by_label(label, exact=True).check()


def test_slider_and_cursor_move_together_along_a_training(page: Page, app: App, first: str) -> None:
    _map_mode(page, app, first, "Through training")
    moving = page.locator("#i-training-map")
    slider = moving.get_by_label("Where the map is")
    expect(slider).to_have_attribute("aria-valuetext", "before training")
    cursors = page.locator("#i-training-curves .i-cursor")
    expect(cursors).to_have_count(2)
    plot = _box(page.locator("#i-training-curves .i-curve-plot").first)
    at_start = _box(cursors.first)["x"]
    slider.press("End")
    expect(slider).to_have_attribute("aria-valuetext", re.compile(r"step \d+"))
    _until(lambda: _box(cursors.first)["x"] > at_start + 100)
    assert abs(_box(cursors.first)["x"] - _box(cursors.nth(1))["x"]) < 2
    expect(cursors.nth(1)).to_contain_text("%")
    # and back by the curve: the map's own slider follows
    page.mouse.move(plot["x"] + plot["width"] - 40, plot["y"] + 60)
    page.mouse.down()
    page.mouse.move(plot["x"] + 60, plot["y"] + 60, steps=5)
    page.mouse.up()
    expect(slider).to_have_attribute("aria-valuetext", "before training")


def test_the_gap_slider_moves_the_map_and_its_figures(page: Page, app: App, first: str) -> None:
    _map_mode(page, app, first, "Modality gap")
    slider = page.locator("#i-gap-mode").get_by_label("Share of the offset that is taken away")
    expect(slider).to_be_visible()
    moving = page.locator("#i-gap-map")
    expect(moving.locator(".i-map")).to_have_attribute("data-points", "1800")
    expect(moving.locator(".i-map-frames")).to_be_hidden()
    # a point's lines show where the map is
    stage = moving.locator(".i-map-stage")
    box = _box(stage)
    for x in range(8):
        if moving.locator(".rays .centre").count():
            break
        page.mouse.click(box["x"] + box["width"] * (0.3 + 0.05 * x), box["y"] + box["height"] / 2)
        page.wait_for_timeout(400)
    centre = moving.locator(".rays .centre")
    expect(centre).to_have_count(1)
    before = centre.get_attribute("transform")
    figure = page.locator("#i-gap-mode .i-figure").first
    told = figure.inner_text()
    slider.press("End")
    expect(centre).not_to_have_attribute("transform", str(before))
    expect(figure).not_to_have_text(told)


def test_encoders_stand_beside_the_shared_space_and_items_are_chosen_on_all_three(
    page: Page, app: App, first: str
) -> None:
    _map_mode(page, app, first, "Before and after")
    page.locator("#i-before-layout").get_by_label("PCA").check()
    maps = {name: page.locator(f"#i-before-{name}") for name in ("image", "shared", "text")}
    for name, points in (("image", "300"), ("shared", "1800"), ("text", "1500")):
        expect(maps[name].locator(".i-map")).to_have_attribute("data-points", points)
    stage = maps["image"].locator(".i-map-stage")
    box = _box(stage)
    page.keyboard.down("Shift")
    page.mouse.move(box["x"] + 8, box["y"] + 60)
    page.mouse.down()
    for x, y in ((0.97, 0.15), (0.97, 0.97), (0.03, 0.97)):
        page.mouse.move(box["x"] + x * box["width"], box["y"] + y * box["height"], steps=4)
    page.mouse.up()
    page.keyboard.up("Shift")
    chosen = maps["image"].locator(".i-map-chosen")
    expect(chosen).to_contain_text(re.compile(r"\d"))
    images = int(re.search(r"[\d,]+", chosen.inner_text())[0].replace(",", ""))  # type: ignore[index]
    # five captions an image
    for name, count in (("shared", 6 * images), ("text", 5 * images)):
        expect(maps[name].locator(".i-map-chosen")).to_contain_text(f"{count:,}")


@pytest.mark.parametrize("dark", [False, True])
def test_everything_fits_a_narrow_screen_in_either_light(
    app: App, browser: Browser, watch: Watch, first: str, second: str, dark: bool
) -> None:
    context = browser.new_context(
        viewport={"width": 390, "height": 844}, reduced_motion="reduce",
        color_scheme="dark" if dark else "light",
    )  # fmt: skip
    page = watch.attach(context.new_page())
    page.goto(f"{app.url}?tab=compare&run={first}{'&__theme=dark' if dark else ''}")
    page.locator("#i-compare-query").get_by_role("textbox").fill("a blue star")
    page.keyboard.press("Enter")
    expect(page.locator(".i-beside-hit").first).to_be_visible()
    assert narrow_enough(page)
    part(page, "Maps")
    expect(page.locator(".i-changed-row").first).to_be_visible()
    assert narrow_enough(page)
    part(page, "Duel")
    page.locator("#i-duel-draw").click()
    expect(page.locator(".i-duel-verdicts")).to_be_visible()
    assert narrow_enough(page)
    context.close()


def _box(node: Locator) -> dict[str, float]:
    found = node.bounding_box()
    assert found is not None
    return dict(found)


def _place(node: Locator) -> tuple[float, float]:
    x, y = re.findall(r"-?[\d.]+", str(node.get_attribute("transform")))
    return float(x), float(y)


def _translate(place: tuple[float, float]) -> re.Pattern[str]:
    return re.compile(rf"translate\({place[0]:.1f},\s?{place[1]:.1f}\)")


def _until(met: Callable[[], bool]) -> None:
    for _ in range(100):
        if met():
            return
        time.sleep(0.1)
    raise AssertionError("it did not come about")
