"""Diagnostics of real, small runs: through the door, and as the folds of the page show them."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import Path

import gradio as gr
import numpy as np
import pytest

from backend.errors import InvalidInput, NotFound
from backend.evaluation.conflict import conflicts
from backend.evaluation.mismatched import mismatched
from backend.evaluation.slices import slices
from backend.exploration.gallery import Gallery, load_gallery
from backend.runs.pipeline import run_pipeline
from backend.runs.store import Store
from backend.schemas import RunRequest, Side
from backend.services import Services
from backend.settings import Settings
from tests.integration.asking import ask
from tests.integration.conftest import paint
from ui.context import Context, shared_fields
from ui.pages.evaluating.caption_fold import CaptionFold
from ui.pages.evaluating.conflict_fold import ConflictFold
from ui.pages.evaluating.slice_fold import SliceFold
from ui.uploads import Uploads


@pytest.fixture
def store() -> Iterator[Store]:
    opened = Store(Settings())
    yield opened
    opened.database.close()


def run(store: Store, request: RunRequest) -> str:
    return run_pipeline(store.settings, store, request, with_map=False).summary.id


def gallery_of(run_id: str) -> Gallery:
    settings = Settings()
    return load_gallery(settings.indexes_dir / run_id, settings.thumbnails_dir)


def test_runs_that_tested_the_same_items_suspect_captions_together(
    store: Store, small: RunRequest, tmp_path: Path
) -> None:
    ridge = small.model_copy(update={"method": "ridge-cca", "options": {}})
    elsewhere = paint(tmp_path, {"train": 40, "val": 8, "test": 6})  # of the same size
    first, second = run(store, small), run(store, ridge)
    apart = run(store, ridge.model_copy(update={"dataset": str(elsewhere)}))
    services = Services(Settings())
    assert [each.id for each in services.runs_alike(first)] == [first, second]
    assert [each.id for each in services.runs_alike(apart)] == [apart]

    found = services.suspicions(first, threshold=0.0, count=2)
    spaces = [gallery_of(each).embedded() for each in (first, second)]
    assert found.report == mismatched(spaces, 0.0)
    assert found.report.suspected > 2, "a small run finds not all images first: the rest needs that"
    assert found.alike == 2 and len(found.judges) == 2 and len(found.shown) == 2
    alone = services.suspicions(first, [second], 0.0)
    assert alone.report == mismatched(spaces[1:], 0.0) and len(alone.judges) == 1
    texts = gallery_of(first).indexes["text"].ids
    for row, shown in zip(found.report.rows, found.shown, strict=False):
        assert shown.found == row and shown.caption.id == texts[row.caption]
        assert shown.image.image_id == shown.caption.image_id
        assert shown.caption.captions[0] in shown.image.captions

    table = list(
        csv.DictReader(io.StringIO(services.suspicions_table(first, (), 0.0).decode("utf-8")))
    )
    assert len(table) == found.report.suspected
    for line, row in zip(table, found.report.rows, strict=True):
        assert f"text:{line['image']}#{line['caption_number']}" == texts[row.caption]
        assert line["suspected"] == row.suspicion and float(line["rank"]) == row.rank
        assert line["caption"] in gallery_of(first).entries[line["image"]].captions

    with pytest.raises(InvalidInput, match="not tested on the same items"):
        services.suspicions(first, [apart])
    with pytest.raises(InvalidInput, match="no share"):
        services.suspicions(first, threshold=1.0)
    with pytest.raises(NotFound):
        services.suspicions("r-none")


def told_slices(services: Services, run_id: str, asked_by: Side) -> None:
    """Slices are those of the gallery's own captions and attributes, computed once."""
    gallery = gallery_of(run_id)
    captions = [gallery.item(name).captions[0] for name in gallery.indexes["text"].ids]
    attributes = [gallery.item(name).attributes for name in gallery.indexes["image"].ids]
    found = services.slices(run_id, asked_by, 1)
    assert found.report == slices(*gallery.embedded(), captions, attributes, asked_by, 1)
    assert services.slices(run_id, asked_by, 1, count=3).report is found.report
    for each in (*found.words, *found.regions):
        assert all(example.side == asked_by for example in each.examples)


def test_slices_conflicts_and_a_pair_that_is_tried(store: Store, small: RunRequest) -> None:
    run_id = run(store, small)
    services = Services(Settings())
    gallery = gallery_of(run_id)
    for asked_by in ("text", "image"):
        told_slices(services, run_id, asked_by)
    report = services.conflicts(run_id)
    assert report == conflicts(*gallery.embedded())
    assert services.conflicts(run_id) is report

    ids = gallery.indexes["image"].ids
    text = "yellow beside grey"
    found = services.weigh(run_id, ids[0], f"  {text} ")
    assert services.weigh(run_id, ids[0].removeprefix("image:"), text) == found
    assert found.text == text and found.gallery == 6 and found.item.id == ids[0]
    assert [each.end for each in found.answers[:-1]] == [each.start for each in found.answers[1:]]
    assert (found.answers[0].start, found.answers[-1].end) == (0, 1)
    assert found.answers[0].item.id == ids[0]
    assert found.answers[-1].item.id == ask(services, run_id, text).hits[0].item.id
    vectors, query = gallery.indexes["image"].vectors(), services._space(run_id).embed_text(text)
    for each in found.answers:
        w = (each.start + each.end) / 2
        scores = vectors.astype(np.float64) @ ((1 - w) * vectors[0] + w * query).astype(np.float64)
        assert ids[int(scores.argmax())] == each.item.id
    for item, said, why in (("", text, "both"), (ids[0], " ", "both"), (ids[0], "x" * 501, "501"),
                            ("text:a#0", text, "caption's id")):  # fmt: skip
        with pytest.raises(InvalidInput, match=why):
            services.weigh(run_id, item, said)
    with pytest.raises(NotFound, match="not in this run's gallery"):
        services.weigh(run_id, "image:none", text)


def test_folds_show_a_run_when_opened_and_forget_it_when_it_is_another(
    store: Store, small: RunRequest
) -> None:
    run_id = run(store, small)
    services = Services(Settings())
    with gr.Blocks():
        context = Context(services, gr.Tabs(), Uploads(), **shared_fields())
        captions, sliced, conflict = (
            kind(context) for kind in (CaptionFold, SliceFold, ConflictFold)
        )
    assert "suspected" in captions.show(run_id, [], 0.1)
    assert "tested" in sliced.show(run_id, "text", 5)
    assert "Where the answer changes" in conflict.show(run_id)
    for fold, given in ((captions, ([], 0.1)), (sliced, ("text", 5)), (conflict, ())):
        assert "i-notice bad" in fold.show("r-gone", *given)
        assert fold.show("", *given) == ""
        assert fold.show_if_open(False, run_id, *given) == gr.skip()
        outputs = 2 + len(fold.fields) + len(fold.more)
        # the field of the run tells of changes that are none
        assert fold.renew(run_id, run_id, True) == (gr.skip(),) * outputs
        closed, opened = fold.renew(run_id, "r-other", False), fold.renew(run_id, "r-other", True)
        assert len(closed) == outputs and closed[0] == run_id
        assert closed[-1] == "" and opened[-1] == gr.skip()
    choices = captions.offer_judges(run_id, ["r-gone", run_id])
    assert choices["value"] == [run_id] and [each for _, each in choices["choices"]] == [run_id]
    offered, markup, item, text = conflict.offer_items(run_id)
    assert item == offered[0].id and text in {each.captions[0] for each in offered[1:]}
    assert markup.count("<button") == 6
    assert "Answer at w" in conflict.weigh(run_id, item, text)
    assert "i-notice bad" in conflict.weigh(run_id, item, "")
