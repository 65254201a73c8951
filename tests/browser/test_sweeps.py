"""Sweeps: a grid launched from a run's details, its matrix filling, its curves, and taking it away."""

from __future__ import annotations

import re

from playwright.sync_api import Page, expect

from tests.browser.conftest import PATIENCE_MS, App

NAME = '<img src=x onerror="window.__xss = 1">efficiency'
#: a condition on the page: nothing of the sweep is going to happen any more
DONE = "() => /^4 of 4 runs done$/.test(document.querySelector('.i-sweep-tally')?.textContent)"


def tick(page: Page, field: str, values: set[str]) -> None:
    """Ticks these of a field's boxes and no others."""
    boxes = page.locator(f"#i-sweep-grid input[id^='i-sweep-{field}-']")
    for number in range(boxes.count()):
        box = boxes.nth(number)
        box.set_checked(box.get_attribute("value") in values)


def test_the_ninth_key_leads_to_the_sweeps_and_the_form_is_open_while_there_is_none(
    ready: App, page: Page
) -> None:
    page.locator("#i-results .i-hit").first.wait_for()
    page.keyboard.press("9")
    expect(page.locator("#i-sweeps")).to_contain_text("No sweeps yet")
    expect(page.locator("#i-sweep-go")).to_be_visible()
    page.locator("#i-sweep-add").click()
    page.locator("#i-sweep-pairs .i-chip").wait_for()
    page.locator("#i-sweep-image-encoder input").click()
    page.get_by_role("option", name=re.compile("object classes")).click()
    expect(page.locator("#i-sweep-pairs .i-chip")).to_have_count(2)
    expect(page.locator("#i-sweep-count")).to_contain_text("2 encoder pairs")
    page.locator("#i-sweep-pairs .i-chip button").first.click()
    expect(page.locator("#i-sweep-count")).to_contain_text("1 encoder pair")


def test_a_run_becomes_a_sweep_whose_cells_and_curves_fill_and_which_can_be_taken_away(
    ready: App, page: Page
) -> None:
    page.goto(f"{ready.url}?tab=runs")
    # other tests launch runs of the same name; the first one is marked
    page.get_by_role("cell", name="Demonstration demo").get_by_role("button").click()
    page.locator("#i-runs tr.chosen .i-tag").wait_for()
    page.locator("#i-do-sweep").click()
    expect(page.locator("#i-sweep-image-encoder input")).to_have_value(re.compile("classes"))
    expect(page.locator("#i-sweep-dataset input")).to_have_value(re.compile("small"))
    expect(page.locator("#i-sweep-name")).to_have_value(re.compile("Demonstration"))

    # what is wrong is told at its field, and what was typed stays
    page.locator("#i-sweep-own").fill("many")
    page.locator("#i-sweep-name").fill(NAME)
    page.locator("#i-sweep-go").click()
    fault = page.locator(".i-own-field:has(#i-sweep-own) .i-notice.bad")
    expect(fault).to_contain_text("many")
    expect(page.locator("#i-sweep-own")).to_have_value("many")

    page.locator("#i-sweep-own").fill("")
    page.locator("#i-sweep-seeds").fill("2")
    tick(page, "methods", {"ridge-cca", "procrustes"})
    tick(page, "train-images", {"300", "all"})
    expect(page.locator("#i-sweep-count")).to_contain_text("4 runs, each with 2 seeds")
    page.locator("#i-sweep-go").click()
    cells = page.locator("#i-sweep-matrix .i-cell-button")
    expect(cells).to_have_count(4)
    expect(page).to_have_url(re.compile("tab=sweeps&.*sweep=s-"))

    # the address leads back to it, and it fills while the page is open
    page.reload()
    expect(page.locator("#i-sweep-head h2")).to_have_text(NAME)
    page.wait_for_function(DONE, timeout=PATIENCE_MS)
    expect(page.locator("#i-sweep-matrix .i-cell-button.finished")).to_have_count(4)
    expect(page.locator("#i-sweep-matrix .i-cell-button.best")).to_have_count(2)
    assert page.evaluate("window.__xss") is None

    # the curves: a line a method; a name hides its line
    page.locator("#i-sweep-curves .scatterlayer .trace").first.wait_for()
    lines = "() => document.querySelector('#i-sweep-curves .i-curve-plot').data.filter((t) => t.name).length"
    assert page.evaluate(lines) == 2
    page.locator("#i-sweep-curves button.i-key", has_text="Procrustes").click()
    page.wait_for_function(f"() => ({lines})() === 1")
    page.locator("#i-sweep-direction label", has_text="image → text").click()
    expect(page.locator("#i-sweep-curves .i-curve-title")).to_contain_text("image → text")

    # a cell opens its run, which tells its seeds and leads back
    cells.first.click()
    page.locator("#i-run-scores", has_text="mean of 2 seeds").wait_for()
    page.locator("#i-detail-head [data-act=sweep]").click()
    page.locator("#i-sweep-delete").click()
    expect(page.locator("#i-sweep-question")).to_contain_text("4 runs")
    page.locator("#i-sweep-sure-runs").click()
    expect(page.locator("#i-sweeps")).to_contain_text("No sweeps yet")
    page.keyboard.press("4")
    expect(page.locator("#i-runs-swept")).to_have_count(0)
    expect(page.locator(".i-runs tr", has_text="ridge-cca, n = 300")).to_have_count(0)


def test_a_method_shows_its_own_options_alone_and_keeps_what_was_typed(
    ready: App, page: Page
) -> None:
    page.goto(f"{ready.url}?tab=new")
    picker = page.locator("#i-field-method")
    picker.wait_for()
    assert picker.locator("optgroup").count() >= 2
    picker.select_option("linear-infonce")
    page.locator("#i-option-linear-infonce-epochs").fill("0")
    expect(page.locator("#i-option-linear-infonce-noise")).to_be_hidden()
    picker.select_option("ridge")
    expect(page.locator("#i-method-about")).to_contain_text("Hoerl")
    expect(page.locator("#i-option-linear-infonce-epochs")).to_have_count(0)
    picker.select_option("linear-infonce")
    expect(page.locator("#i-option-linear-infonce-epochs")).to_have_value("0")
    page.locator("#i-launch-button").click()
    fault = page.locator(".i-own-field:has(#i-option-linear-infonce-epochs) .i-notice.bad")
    expect(fault).to_contain_text("allowed")
    expect(page.locator("#i-option-linear-infonce-epochs")).to_have_value("0")
