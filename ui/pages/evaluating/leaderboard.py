"""Leaderboard: all finished runs ranked over everything they were measured by."""

from __future__ import annotations

from collections import Counter
from typing import Any

import gradio as gr

from ui import cards, leaderboard_cards, words
from ui.components import panel
from ui.context import QUIET, RAW, WORK, Context, digest, finished, offered
from ui.markup import Html
from ui.paired_cards import KINDS, downloads
from ui.sweep_cards import short

_ALL = "all"
_ABOUT = (
    "No run is chosen here: all finished runs are ranked over everything they were measured by, "
    "retrieval on their test split and what was measured on this page. A click opens a run."
)


class LeaderboardPart:
    """Lays the part out; its methods answer the events."""

    def __init__(self, context: Context) -> None:
        self.context = context
        self.services = context.services
        with gr.Column(elem_classes="i-shared"):
            #: what the browser has, so that nothing is sent twice
            self.shown = gr.Textbox("", visible="hidden", label="shown")
            self.seen = gr.Textbox("", visible="hidden", label="seen")
        panel(cards.notice(_ABOUT), kind="i-runless")
        with gr.Row(elem_classes="i-toolbar"):
            self.dataset = gr.Dropdown(
                [("All data sets", _ALL)], value=_ALL, label="Runs of", filterable=False,
                elem_id="i-leaderboard-dataset",
            )  # fmt: skip
            self.swept = gr.Checkbox(
                False, label="with the runs of sweeps", elem_id="i-leaderboard-swept"
            )
        self.table = panel(elem_id="i-leaderboard")
        self.words = panel(elem_id="i-leaderboard-words")
        self.files = panel(elem_id="i-leaderboard-files")

    def connect(self, seen: gr.Textbox, tab: gr.Tab) -> None:
        """Wires the events, once all pages are laid out."""
        asked = [self.dataset, self.swept, self.shown]
        view = [self.dataset, self.swept, self.table, self.words, self.shown]
        # as with the other parts: nothing is asked for or written while this one is not shown
        now = "(now, old) => document.querySelector('#i-leaderboard') ? now : old"
        seen.change(None, [seen, self.seen], self.seen, js=now, **QUIET)
        changes = [self.seen.change, tab.select, self.dataset.input, self.swept.input]
        gr.on(changes, self.show, asked, view, **QUIET, **RAW)
        # by themselves: files take a moment
        self.shown.change(self.write, [self.dataset, self.swept], self.files, **WORK, **RAW)
        leave = [self.context.opened, self.context.tabs]
        self.table.act(_open, None, leave, **QUIET)

    def show(self, dataset: str | None, swept: bool | None, shown: str | None) -> tuple[Any, ...]:
        """The table, unless the browser has just that."""
        runs = {run.id: run for run in finished(self.services)}
        of = Counter(run.dataset for run in runs.values() if swept or run.sweep is None)
        chosen = dataset if dataset in of else _ALL
        board = self.services.leaderboard(_named(chosen), bool(swept))
        ranked = {row.run: runs[row.run] for row in board.rows if row.run in runs}
        table: Html = leaderboard_cards.table(board, ranked)
        told: Html | str = leaderboard_cards.counted(board)
        if not board.rows:
            text = "Runs are ranked here as soon as one has finished."
            if runs:
                text = "All finished runs are of sweeps: tick the box above to see them."
            table, told = cards.empty("Nothing to rank yet.", text), ""
        choices = [("All data sets", _ALL)]
        choices += [
            (f"{short(name)} ({words.count(count, 'run')})", name) for name, count in of.items()
        ]
        now = digest([str(each) for each in (choices, chosen, swept, table, told)])
        if now == shown:
            return (gr.skip(),) * 5
        sweeps = any(run.sweep is not None for run in runs.values())
        return (
            offered(choices, chosen, dataset),
            gr.update(visible=sweeps),
            table,
            told,
            now,
        )

    def write(self, dataset: str | None, swept: bool | None) -> Html | str:
        """The same as files to take away."""
        if not self.services.leaderboard(_named(dataset), bool(swept)).rows:
            return ""
        files = {
            kind: self.services.leaderboard_table(kind, _named(dataset), bool(swept))
            for kind in KINDS
        }
        return downloads(files, "All numbers of this table:", "leaderboard")


def _named(dataset: str | None) -> str | None:
    return None if dataset in (None, _ALL) else dataset


def _open(event: gr.EventData) -> tuple[str, Any]:
    """To the run that was clicked."""
    return str(event.arg), gr.Tabs(selected="runs")
