"""Pieces of the page made of runs: badges, progress, the table, one run's numbers, a comparison."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from backend.schemas import (
    LIVE,
    Modality,
    RetrievalReport,
    RetrievalScores,
    RunDetail,
    RunSummary,
    Status,
    WorkerState,
)
from ui import words
from ui.cards import button, empty, notice
from ui.markup import Html, tag

_MARKS: dict[Status, str] = {
    "queued": "○",
    "running": "◐",
    "finished": "●",
    "failed": "✕",
    "cancelled": "■",
    "interrupted": "▲",
}


def badge(status: Status) -> Html:
    """The status in a word, a mark and a colour."""
    mark = tag("i", _MARKS[status], aria_hidden="true")
    return tag(f"span.i-badge.{status}", mark, words.STATUS_WORDS[status])


def progress(run: RunSummary, worker: WorkerState, stoppable: bool) -> Html:
    """How far a live run is, with Stop."""
    state = run.progress
    if run.status == "queued":
        place = run.queue_position or 1
        title = "Next in the queue" if place == 1 else f"Number {place} in the queue"
        line = "Starts when the run before it is done." if place > 1 else "Starts in a moment."
        if not worker.alive:
            line = worker.message
        share: float | None = 0.0
    elif state is None:
        title, line, share = "Starting", "", None
    else:
        number = f" · step {state.step} of {state.steps}" if state.steps else ""
        title, line = state.stage + number, words.progress_line(state)
        share = words.progress_share(state)
    stop = button("Stop", "stop", run.id, "stop") if stoppable else None
    return tag(
        "div.i-progress",
        tag("div.i-progress-top", tag("strong", run.name), badge(run.status), stop),
        bar(share, title),
        tag("div.i-progress-line", tag("span", title), tag("span.i-soft", line)),
        data_run=run.id,
        data_status=run.status,
    )


def bar(share: float | None, label: str) -> Html:
    """A bar of progress; without a share it only says that something goes on."""
    if share is None:
        return tag("div.i-bar.unknown", tag("i"), role="progressbar", aria_label=label)
    now = f"{100 * share:.0f}"
    return tag(
        "div.i-bar", tag("i", style=f"width:{100 * share:.1f}%"), role="progressbar",
        aria_label=label, aria_valuenow=now, aria_valuemin="0", aria_valuemax="100",
    )  # fmt: skip


def outcome(run: RunSummary, changeable: bool) -> Html:
    """How a run ended and what can be done next."""
    acts = []
    if run.status == "finished":
        acts = [
            button("Explore it", "explore", run.id, "primary"),
            button("Details", "open", run.id),
        ]
    elif run.resumable and changeable:
        acts = [button("Resume", "resume", run.id, "primary"), button("Details", "open", run.id)]
    line = run.error or ""
    if run.status == "finished" and run.test is not None:
        one, two = run.test.text_to_image, run.test.image_to_text
        line = (
            f"R@1 {words.percent(one.recall_at_1)} "
            f"{words.direction('text_to_image', run.modality)}, "
            f"{words.percent(two.recall_at_1)} {words.direction('image_to_text', run.modality)}, "
            f"among {words.count(run.test.images, 'held-out ' + words.ITEM_WORDS[run.modality])}."
        )
    elif run.status == "cancelled":
        line = "Stopped; what was done is kept."
    elif run.status == "interrupted":
        line = "Interrupted before it was done; it goes on from its last step."
    return tag(
        "div.i-progress",
        tag("div.i-progress-top", tag("strong", run.name), badge(run.status)),
        tag("p.i-soft", line) if line else None,
        tag("div.i-row", acts) if acts else None,
        data_run=run.id,
        data_status=run.status,
    )


def first_start(runs: Sequence[RunSummary], worker: WorkerState, demo: bool) -> Html:
    """What Explore, Map and Drift show while no run is finished yet."""
    live = [run for run in runs if run.status in LIVE]
    if live:
        made = "A demonstration run is being made" if live[0].demonstration else "A run is live"
        text = "This page opens it by itself as soon as it is ready."
        return empty(f"{made}.", text, progress(live[-1], worker, stoppable=False))
    if not worker.alive:
        return empty("Nothing to explore yet.", worker.message)
    if demo and not runs:
        return empty(
            "A demonstration run is about to start.",
            "The worker is starting; this page opens the run by itself as soon as it is ready.",
            bar(None, "starting"),
        )
    failed = next((run for run in runs if run.error), None)
    return empty(
        "Nothing to explore yet.",
        "Make a run first: choose a data set, two encoders and a method, and launch it.",
        notice(f"{failed.name}: {failed.error}", "bad") if failed else tag("span"),
        tag("div.i-row.centre", button("Make a run", "new", kind="primary")),
    )


def shared_modality(runs: Sequence[RunSummary]) -> Modality:
    """What the items of all these runs are; where they are not the same, just items."""
    found = {run.modality for run in runs}
    return found.pop() if len(found) == 1 else "features"


def table(runs: Sequence[RunSummary], chosen: str | None, checked: Sequence[str]) -> Html:
    """All runs, newest first. A row opens the run; the boxes choose runs to compare."""
    modality = shared_modality(runs)
    names = ("", "Run", "Status", f"R@1 {words.direction('text_to_image', modality)}",
             f"R@1 {words.direction('image_to_text', modality)}", "Data set",
             "Item encoder" if modality == "features" else words.encoder_label("image", modality),
             "Text encoder", "Method", "Made")  # fmt: skip
    head = tag("tr", [tag("th", name, scope="col") for name in names])
    rows = [_row(run, run.id == chosen, run.id in checked) for run in runs]
    return tag(
        "div.i-table-frame", tag("table.i-runs", tag("thead", head), tag("tbody", rows)),
        tabindex="0", role="region", aria_label="All runs",
    )  # fmt: skip


def _row(run: RunSummary, chosen: bool, checked: bool) -> Html:
    box = tag(
        "button.i-box", "✓" if checked else "", type="button", role="checkbox",
        aria_checked="true" if checked else "false", aria_label=f"Compare {run.name}",
        data_act="check", data_arg=run.id,
    )  # fmt: skip
    demo = tag("span.i-tag", "demo") if run.demonstration else None
    name = tag(
        "button.i-link", run.name, type="button", data_act="open", data_arg=run.id,
        aria_current="true" if chosen else None,
    )  # fmt: skip
    report = run.test
    share = words.progress_share(run.progress) if run.progress and run.live else None
    tiny = bar(share, "progress") if share is not None else None
    return tag(
        "tr",
        tag("td.i-check", box),
        tag("td.i-name", name, demo),
        tag("td", badge(run.status), tiny),
        tag("td.number", _short_score(report.text_to_image) if report else "–"),
        tag("td.number", _short_score(report.image_to_text) if report else "–"),
        tag("td", _short_id(run.dataset)),
        tag("td", _short_id(run.image_encoder)),
        tag("td", _short_id(run.text_encoder)),
        tag("td", run.method),
        tag(
            "td.i-soft", words.moment(run.created_at), title=f"{run.created_at:%Y-%m-%d %H:%M} UTC"
        ),
        class_="chosen" if chosen else "",
        data_act="open",
        data_arg=run.id,
    )


def _short_id(name: str) -> Html:
    """The last part of a folder; the whole in the tip."""
    return tag("span", name.rstrip("/").rsplit("/", 1)[-1] if name.startswith("/") else name,
               title=name)  # fmt: skip


def _short_score(scores: RetrievalScores) -> Html:
    low, high = scores.interval_at_1
    return tag(
        "span", tag("b", words.percent(scores.recall_at_1)),
        tag("small.i-soft", f" ±{50 * (high - low):.1f}"),
        title=f"95 % interval {words.interval(scores, 1)} %",
    )  # fmt: skip


def retrieval(report: RetrievalReport, modality: Modality = "image") -> Html:
    """Both directions with chance and intervals."""
    thing = words.ITEM_WORDS[modality]
    head = tag("tr", [tag("th", name, scope="col") for name in
                      ("", "R@1", "R@5", "R@10", "Median rank")])  # fmt: skip
    rows = [
        _scores_row(words.direction("text_to_image", modality), report.text_to_image),
        _scores_row(words.direction("image_to_text", modality), report.image_to_text),
    ]
    line = (
        f"{words.METRIC_WORDS.get(report.split, report.split).capitalize()} split: "
        f"{words.count(report.images, thing)}, {words.count(report.captions, 'caption')}. "
        f"Per cent, with 95 % intervals over {thing}s."
    )
    return tag(
        "div", tag("table.i-scores", tag("thead", head), tag("tbody", rows)), tag("p.i-soft", line)
    )


def _scores_row(name: str, scores: RetrievalScores) -> Html:
    cells = []
    for k in (1, 5, 10):
        chance = getattr(scores, f"chance_at_{k}")
        cells.append(
            tag(
                "td",
                tag("b", f"{100 * getattr(scores, f'recall_at_{k}'):.1f}"),
                tag("small", words.interval(scores, k)),
                tag("small.i-soft", f"chance {100 * chance:.2f}"),
            )
        )
    return tag(
        "tr", tag("th", name, scope="row"), cells, tag("td", tag("b", f"{scores.median_rank:g}"))
    )


def detail_head(run: RunDetail) -> Html:
    """Name, state and what the run is made of."""
    summary = run.summary
    made = [summary.dataset, summary.image_encoder, summary.text_encoder, summary.method]
    return tag(
        "div.i-detail-head",
        tag("div.i-detail-name", tag("h2", summary.name), badge(summary.status)),
        tag("p.i-soft", " · ".join([*made, f"seed {summary.seed}"])),
        notice(summary.error, "bad") if summary.error else None,
    )


def detail_scores(run: RunDetail) -> Html:
    """The tables of numbers, or what there will be."""
    reports = [run.retrieval[split] for split in ("test", "val") if split in run.retrieval]
    if not reports:
        text = {
            "queued": "The numbers come when the run is done.",
            "running": "The numbers come when the run is done.",
        }.get(run.summary.status, "This run has no numbers: it did not get to its evaluation.")
        return tag("section.i-card", tag("h3", "Retrieval"), tag("p.i-soft", text))
    modality = run.summary.modality
    notes = tag("ul.i-notes", [tag("li", note) for note in run.notes]) if run.notes else None
    rest = [
        tag(
            "details",
            tag("summary", "On validation, where choices were made"),
            retrieval(report, modality),
        )
        for report in reports[1:]
    ]
    return tag(
        "section.i-card", tag("h3", "Retrieval"), retrieval(reports[0], modality), rest, notes
    )


def detail_facts(run: RunDetail) -> Html:
    """How to repeat the run: command, configuration, versions, files."""
    command = tag(
        "div.i-command", tag("code", run.command),
        tag("button.i-button.quiet", "Copy", type="button", data_copy=run.command),
    )  # fmt: skip
    return tag(
        "section.i-card",
        tag("h3", "Repeat it"),
        tag("p.i-soft", "The same run from a terminal:"),
        command,
        tag("details", tag("summary", "Configuration"), facts(flat(run.configuration))),
        tag("details", tag("summary", "Library versions"), facts(dict(run.versions))),
        tag("details", tag("summary", "Files"), facts(dict(run.artefacts)))
        if run.artefacts
        else None,
    )


def facts(values: dict[str, str]) -> Html:
    """Names and values in two columns."""
    return tag(
        "dl.i-facts-list", [[tag("dt", name), tag("dd", text)] for name, text in values.items()]
    )


def flat(values: dict[str, Any], prefix: str = "") -> dict[str, str]:
    """Nested options as ``group.name`` -> text."""
    result: dict[str, str] = {}
    for name, value in values.items():
        if isinstance(value, dict):
            result.update(flat(value, f"{prefix}{name}."))
        else:
            text = value if isinstance(value, str) else json.dumps(value, default=str)
            result[prefix + name] = "all" if name == "train_images" and value is None else text
    return result


def differing(runs: Sequence[RunDetail]) -> list[str]:
    """The options whose values are not the same in all runs."""
    options = [flat(run.configuration) for run in runs]
    names = sorted({name for each in options for name in each} - {"name"})
    return [name for name in names if len({each.get(name) for each in options}) > 1]


def comparison(runs: Sequence[RunDetail]) -> Html:
    """Runs side by side: only what differs, then the numbers; the best of each row is marked."""
    head = tag("tr", tag("th", ""), [tag("th", run.summary.name, scope="col") for run in runs])
    options = [flat(run.configuration) for run in runs]
    rows = [
        tag(
            "tr", tag("th", name, scope="row"), [tag("td", each.get(name, "–")) for each in options]
        )
        for name in differing(runs)
    ]
    if not rows:
        same = "These runs have the same configuration."
        rows = [tag("tr", tag("td", same, colspan=len(runs) + 1))]
    scores = [row for direction in ("text_to_image", "image_to_text")
              for row in _compared_rows(runs, direction)]  # fmt: skip
    group = tag("tr.i-group", tag("th", "What differs", colspan=len(runs) + 1, scope="rowgroup"))
    result = tag("tr.i-group", tag("th", "Test split, %", colspan=len(runs) + 1, scope="rowgroup"))
    return tag(
        "div.i-table-frame", tag("table.i-compare", tag("thead", head),
                                 tag("tbody", group, rows, result, scores)),
        tabindex="0", role="region", aria_label="Comparison",
    )  # fmt: skip


def _compared_rows(runs: Sequence[RunDetail], direction: str) -> list[Html]:
    rows = []
    shown = words.direction(direction, shared_modality([run.summary for run in runs]))
    for k in (1, 5, 10):
        found: list[tuple[float, str] | None] = []
        for run in runs:
            report = run.retrieval.get("test")
            if report is None:
                found.append(None)
                continue
            scores: RetrievalScores = getattr(report, direction)
            found.append((getattr(scores, f"recall_at_{k}"), words.interval(scores, k)))
        best = max((pair[0] for pair in found if pair), default=None)
        cells = [
            tag("td", "–")
            if pair is None
            else tag("td", tag("b", f"{100 * pair[0]:.1f}"), tag("small.i-soft", f" {pair[1]}"),
                     class_="best" if pair[0] == best else "")
            for pair in found
        ]  # fmt: skip
        rows.append(tag("tr", tag("th", f"R@{k} {shown}", scope="row"), cells))
    return rows
