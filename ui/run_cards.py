"""Pieces of the page made of runs: badges, progress, the table, one run's numbers, a comparison."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Mapping, Sequence
from typing import Any

from backend.schemas import (
    LIVE,
    IndexNote,
    Modality,
    RetrievalReport,
    RunDetail,
    RunSummary,
    Side,
    Status,
    WorkerState,
)
from ui import recipes, words
from ui.cards import button, empty, notice
from ui.markup import Html, join, tag
from ui.measured import measured
from ui.search_cards import index_words

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
    stop = button("Stop", "stop", run.id, "stop") if stoppable else None
    return tag(
        "div.i-progress",
        tag("div.i-progress-top", tag("strong", run.name), badge(run.status), stop),
        how_far(run, worker),
        data_run=run.id,
        data_status=run.status,
    )


def how_far(run: RunSummary, worker: WorkerState) -> Html:
    """The step a live run is at, as a bar and in words."""
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
    told = tag("div.i-progress-line", tag("span", title), tag("span.i-soft", line))
    return join([bar(share, title), told])


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
        one, two = (measured(run.test, name) for name in ("text_to_image", "image_to_text"))
        line = (
            f"R@1 {words.percent(one.value)} "
            f"{words.direction('text_to_image', run.modality)}, "
            f"{words.percent(two.value)} {words.direction('image_to_text', run.modality)}, "
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


def queued_sweeps(runs: Sequence[RunSummary]) -> list[Html]:
    """One card for all of a sweep's runs that wait; its page shows them one by one."""
    cards = []
    for sweep in dict.fromkeys(run.sweep for run in runs if run.live and run.sweep):
        own = [run for run in runs if run.sweep == sweep]
        waiting = sum(run.status == "queued" for run in own)
        ended = sum(not run.live for run in own)
        line = f"{ended} of {words.count(len(own), 'run')} ended, {waiting} wait in the queue"
        cards.append(
            tag(
                "div.i-progress",
                tag("div.i-progress-top", tag("strong", "A sweep"),
                    button("Open it", "sweep", sweep)),
                bar(ended / len(own), line),
                tag("div.i-progress-line", tag("span.i-soft", line)),
                data_sweep_card=sweep,
            )
        )  # fmt: skip
    return cards


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
        tag("td.number", _short_score(report, "text_to_image") if report else "–"),
        tag("td.number", _short_score(report, "image_to_text") if report else "–"),
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


def _short_score(report: RetrievalReport, direction: str) -> Html:
    found = measured(report, direction)
    return tag(
        "span", tag("b", words.percent(found.value)),
        tag("small.i-soft", f" ±{100 * found.half:.1f}"), title=found.tip(),
    )  # fmt: skip


def detail_head(run: RunDetail, worker: WorkerState) -> Html:
    """Name, state, what the run is made of, and how far it is."""
    summary = run.summary
    made = [summary.dataset, summary.image_encoder, summary.text_encoder, summary.method]
    seeds = f"seed {summary.seed}"
    if summary.seeds > 1:
        seeds = f"seeds {summary.seed} to {summary.seed + summary.seeds - 1}"
    if summary.train_images is not None:
        thing = words.ITEM_WORDS[summary.modality]
        made.append(words.count(summary.train_images, f"training {thing}"))
    sweep = (
        button("part of a sweep: open it", "sweep", summary.sweep, "quiet")
        if summary.sweep
        else None
    )
    return tag(
        "div.i-detail-head",
        tag("div.i-detail-name", tag("h2", summary.name), badge(summary.status), sweep),
        tag("p.i-soft", " · ".join([*made, seeds])),
        tag("div.i-detail-progress", how_far(summary, worker)) if summary.live else None,
        notice(summary.error, "bad") if summary.error else None,
    )


def detail_facts(
    run: RunDetail, changeable: bool = True, indexed: Mapping[Side, IndexNote] | None = None
) -> Html:
    """How to repeat the run: command, recipe, configuration, versions, files; what searches it."""
    written = b64encode(recipes.write(run).encode("utf-8")).decode("ascii")
    taken = tag(
        "a.i-button", "JSON", download=f"{run.summary.id}.json",
        href=f"data:application/json;base64,{written}",
        title="Request, seed, configuration and versions; New run reads it back",
    )  # fmt: skip
    command = tag(
        "div.i-command", tag("code", run.command),
        tag("button.i-button.quiet", "Copy", type="button", data_copy=run.command),
    )  # fmt: skip
    return tag(
        "section.i-card",
        tag("h3", "Repeat it"),
        tag("p.i-soft", "The same run from a terminal:"),
        command,
        tag(
            "div.i-row.i-below",
            taken,
            button("Fill in a new run with it", "reuse") if changeable else None,
        ),
        _indexed(indexed, run.summary.modality) if indexed else None,
        tag("details", tag("summary", "Configuration"), facts(flat(run.configuration))),
        tag("details", tag("summary", "Library versions"), facts(dict(run.versions))),
        tag("details", tag("summary", "Files"), facts(dict(run.artefacts)))
        if run.artefacts
        else None,
    )


def _indexed(notes: Mapping[Side, IndexNote], modality: Modality) -> Html:
    """How each side of the gallery is searched, in a line."""
    told = [f"{words.thing(side, modality)}s {index_words(note)}" for side, note in notes.items()]
    return tag("p.i-soft.i-below", f"Search: {'; '.join(told)}.")


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
