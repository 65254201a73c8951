"""Encoders & data: looking things up, adding one's own, reading the report, removing features."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import HOSTILE, PATIENCE_MS, App


@pytest.fixture
def page(fresh: Page) -> Page:
    """Not on the app yet: every test here opens the part that it is about by its address."""
    return fresh


def part(page: Page, app: App, name: str) -> None:
    """Opens a part of the page by its address."""
    page.goto(f"{app.url}?tab=data&part={name}")
    page.locator("#i-data-tabs").wait_for()


def box(page: Page, field: str) -> Locator:
    """What is typed into."""
    return page.locator(f"{field} input, {field} textarea").first


def opened_form(page: Page, app: App) -> None:
    """The data sets, with the form for adding one open."""
    part(page, app, "datasets")
    page.locator(".i-set").first.wait_for()
    page.locator("#i-add > button").click()
    box(page, "#i-add-path").wait_for()


def added(page: Page, app: App, folder: Path) -> None:
    """A folder added and looked at in full."""
    opened_form(page, app)
    box(page, "#i-add-path").fill(str(folder))
    page.locator("#i-add-go").click()
    page.locator("#i-dataset-head h2", has_text=folder.name).wait_for()
    page.locator("#i-dataset-report .i-numbers").wait_for(timeout=PATIENCE_MS)


def test_the_catalogue_is_filtered_and_one_encoder_goes_into_a_new_run(
    ready: App, page: Page
) -> None:
    part(page, ready, "encoders")
    rows = page.locator("#i-encoders tr[data-encoder]")
    rows.first.wait_for()
    assert rows.count() >= 25
    box(page, "#i-encoder-words").fill("dinov2 registers")
    expect(page.locator("#i-encoders tr[data-encoder='scene-resnet-ssl']")).to_have_count(0)
    assert all("registers" in text for text in rows.all_text_contents())
    box(page, "#i-encoder-words").fill("self-supervised scene resnet")
    page.locator("#i-encoders tr[data-encoder='scene-resnet-ssl'] .i-link").click()
    detail = page.locator("[data-detail='scene-resnet-ssl']")
    for figure in ("448", "Apache-2.0", "128 x 128 pixels", "mean"):
        expect(detail).to_contain_text(figure)
    detail.get_by_role("button", name="Use as image encoder").click()
    expect(page.locator("#i-field-image-encoder input")).to_have_value(re.compile("Scene ResNet"))
    expect(page.locator(".i-about", has_text="448 dimensions").first).to_be_visible()


def test_an_encoder_that_is_not_there_is_told_at_its_field(ready: App, page: Page) -> None:
    part(page, ready, "encoders")
    page.locator("#i-other-encoder > button").click()
    box(page, "#i-other-address").fill("/no/such/folder")
    page.locator("#i-other-check").click()
    fault = page.locator("#i-other-encoder .i-field-fault .i-notice.bad")
    expect(fault).to_have_count(1)
    expect(fault).to_contain_text("/no/such/folder")
    expect(box(page, "#i-other-address")).to_have_value("/no/such/folder")
    box(page, "#i-other-address").fill("/no/such/features.npy")
    expect(page.locator("#i-other-ids")).to_be_visible()
    expect(page.locator("#i-other-layers")).to_have_count(0)


def test_pooling_becomes_part_of_the_encoders_address(ready: App, page: Page) -> None:
    page.goto(f"{ready.url}?tab=new")
    page.locator("#i-advanced-text-encoder > button").click()
    page.locator("#i-pooling-text-encoder input").click()
    page.get_by_role("option", name="CLS token", exact=True).click()
    field = page.locator("#i-field-text-encoder input")
    expect(field).to_have_value(re.compile("pooling=cls"))
    page.locator("#i-field-image-encoder input").click()
    page.locator("#i-pooling-text-encoder input").click()
    page.get_by_role("option", name=re.compile("its own")).click()
    expect(field).not_to_have_value(re.compile("pooling"))


def test_a_layout_shows_the_fields_it_needs_and_a_wrong_folder_keeps_what_was_typed(
    ready: App, page: Page
) -> None:
    opened_form(page, ready)
    expect(page.locator("#i-add-template")).to_have_count(0)
    page.locator("#i-add-layout label", has_text="Folders of classes").click()
    expect(page.locator("#i-add-template")).to_be_visible()
    expect(page.locator("#i-add-caption")).to_have_count(0)
    box(page, "#i-add-path").fill("/no/such/classes")
    box(page, "#i-add-template").fill("a drawing of a {}.\na bad template")
    expect(page.locator("#i-add-address")).to_contain_text("layout=classes&template=a drawing")
    page.locator("#i-add-go").click()
    expect(page.locator("#i-add .i-field-fault .i-notice.bad").first).to_contain_text("classes")
    expect(box(page, "#i-add-template")).to_have_value("a drawing of a {}.\na bad template")


def test_a_report_survives_a_reload_and_the_data_set_goes_into_a_new_run(
    ready: App, page: Page, hostile: Path
) -> None:
    added(page, ready, hostile)
    page.reload()
    report = page.locator("#i-dataset-report")
    expect(report.locator(".i-numbers")).to_contain_text("60 images")
    expect(report).to_contain_text("120 captions")
    expect(report.locator(".i-bars").first).to_contain_text("12 images")
    page.get_by_role("button", name="Use in a new run").click()
    expect(page.locator("#i-field-dataset input")).to_have_value(re.compile(hostile.name))
    expect(page.locator(".i-about", has_text="12 images").first).to_be_visible()


def test_broken_and_doubled_items_are_listed_and_their_words_stay_text(
    ready: App, page: Page, hostile: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "mended"
    shutil.copytree(hostile, folder)
    shutil.copy(folder / "images" / "10.png", folder / "images" / "0.png")
    (folder / "images" / "7.png").write_bytes(b"no picture")
    text = (folder / "captions.json").read_text()
    broken = f'{{"file": "{HOSTILE.replace(chr(34), "")}.png", "captions": ["gone"]}}'
    (folder / "captions.json").write_text(f"{text[:-1]}, {broken}]")
    added(page, ready, folder)
    kinds = page.locator(".i-finding")
    for kind in ("broken row", "unreadable", "duplicate"):
        expect(page.locator(f".i-finding[data-kind='{kind}']")).to_have_count(1)
    for number in range(kinds.count()):
        kinds.nth(number).locator("summary").click()
    expect(page.locator(".i-finding[data-kind='unreadable']")).to_contain_text("7.png")
    expect(page.locator(".i-finding[data-kind='broken row']")).to_contain_text("<img")
    assert page.evaluate("window.__xss") is None
    with page.expect_download() as download:
        page.get_by_text("Download all as CSV").click()
    assert "7.png" in download.value.path().read_text()


def test_a_zip_is_taken_and_what_is_none_gets_a_sentence(
    ready: App, page: Page, hostile: Path, tmp_path: Path
) -> None:
    opened_form(page, ready)
    upload = page.locator("#i-add-zip input[type=file], #i-add input[type=file]").first
    broken = tmp_path / "broken.zip"
    broken.write_bytes(b"no archive at all")
    upload.set_input_files(broken)
    expect(page.locator("#i-zip-fault .i-notice.bad")).to_be_visible()
    whole = shutil.make_archive(str(tmp_path / "packed"), "zip", hostile)
    upload.set_input_files(whole)
    page.locator("#i-dataset-head h2", has_text="packed").wait_for(timeout=PATIENCE_MS)
    page.locator("#i-dataset-report .i-numbers").wait_for(timeout=PATIENCE_MS)
    expect(page.locator("#i-dataset-report")).to_contain_text("60 images")
    page.get_by_role("button", name="Forget…").click()
    page.locator("#i-forget-sure").click()
    expect(page.locator(".i-set", has_text="packed")).to_have_count(0)


def test_stored_features_are_removed_after_a_question(ready: App, page: Page) -> None:
    part(page, ready, "stored")
    rows = page.locator(".i-stored tbody tr")
    rows.first.wait_for()
    expect(rows.filter(has_text="minilm").first).to_be_visible()
    before = rows.count()
    rows.last.locator(".i-box").click()
    page.locator("#i-stored-remove").click()
    expect(page.locator("#i-stored-question")).to_contain_text("encoded again")
    assert rows.count() == before
    page.locator("#i-stored-sure").click()
    expect(page.locator("#i-stored-told")).to_contain_text("free again")
    expect(rows).to_have_count(before - 1)


def test_keys_lead_to_the_pages(ready: App, page: Page) -> None:
    page.goto(ready.url)
    page.locator("#i-results .i-hit").first.wait_for()
    for key, shown in (("7", "#i-data-tabs"), ("8", "#i-launch-button")):
        page.keyboard.press(key)
        page.locator(shown).wait_for()
