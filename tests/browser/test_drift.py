"""Drift in a browser: chains in step with their curves and their lines on the map, and a game."""

from __future__ import annotations

import re

from playwright.sync_api import Page, Route, expect

from tests.browser.conftest import PATIENCE_MS, App
from tests.browser.test_app import go


def test_strips_curves_and_the_map_go_to_the_same_generation(ready: App, page: Page) -> None:
    go(page, "Drift")
    page.locator(".i-choice").nth(1).click()
    page.locator(".i-strip").first.wait_for()
    page.locator("#i-drift-map .i-map[data-shown]").wait_for()
    line = page.locator("#i-drift-map .metro path.line").first
    expect(line).to_have_attribute("d", re.compile(r"^M[\d.-]+,[\d.-]+"))
    expect(page.locator("#i-drift-map .metro .station").first).to_be_attached()

    page.locator(".i-strip").first.locator(".i-frame").nth(3).click()
    expect(page.locator(".i-steps output")).to_have_text("generation 3")
    lanes = page.locator("#i-strips .i-cycle").count()
    expect(page.locator('#i-strips .i-frame.now[data-generation="3"]')).to_have_count(lanes)
    expect(page.locator("#i-drift-curves .i-cursor b")).to_have_text("generation 3")


def test_curves_that_come_late_stand_where_the_strips_are(ready: App, fresh: Page) -> None:
    held: list[Route] = []
    fresh.route("**/plotly.min.js", lambda route: held.append(route))
    fresh.goto(f"{ready.url}?tab=drift")
    fresh.locator(".i-choice").nth(1).click()
    fresh.locator(".i-strip .i-frame").nth(3).click()
    expect(fresh.locator(".i-steps output")).to_have_text("generation 3")
    cursor = fresh.locator("#i-drift-curves .i-cursor b")
    expect(cursor).to_have_count(0)
    for each in held:
        each.continue_()
    expect(cursor).to_have_text("generation 3")
    # other chains begin anew, and so does what follows them
    fresh.locator(".i-choice").nth(2).click()
    expect(fresh.locator(".i-steps output")).to_have_text("start")
    expect(cursor).to_have_text("start")


def test_a_game_from_picked_seeds_is_played_scored_and_taken_away(ready: App, page: Page) -> None:
    go(page, "Drift")
    page.locator(".i-seed-keep").nth(0).click()
    expect(page.locator("#i-picked")).to_contain_text("1 seed picked")
    page.locator(".i-seed-keep").nth(1).click()
    expect(page.locator("#i-picked")).to_contain_text("2 seeds picked")
    page.locator("#i-picked .i-button", has_text="Play a game").click()
    page.locator("#i-game-source input").click()
    page.get_by_role("option", name="The seeds that I picked under Chains").click()
    page.locator("#i-game-go").click()
    done = page.locator("#i-game-list li[data-status=finished]").first
    done.wait_for(timeout=PATIENCE_MS)
    scores = page.locator("#i-game-scores .i-drift-scores")
    expect(scores).to_contain_text("Mean similarity to the start")
    page.locator("#i-game-curves .i-curve-plot .scatterlayer").first.wait_for()
    page.locator("#i-game-strips .i-frame").first.wait_for()
    with page.expect_download() as download:
        page.locator("#i-game-zip").click()
    assert download.value.suggested_filename.endswith(".zip")
