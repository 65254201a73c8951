"""Pieces of the page made of evaluations: what was measured, how far one is."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

from backend.schemas import EvaluationSummary, WorkerState
from ui import words
from ui.cards import button, notice
from ui.markup import Html, tag
from ui.run_cards import badge, bar


def listing(
    made: Sequence[EvaluationSummary],
    opened: Collection[str],
    worker: WorkerState,
    told: Callable[[EvaluationSummary], str],
    changeable: bool,
    title: str = "Measured",
) -> Html | str:
    """The evaluations of one kind; a click opens one.

    Args:
        made: newest first.
        opened: ids of those that are shown.
        worker: says why nothing goes on where it is not there.
        told: what was asked for, in a line.
        changeable: whether they may be stopped, resumed and deleted here.
    """
    if not made:
        return ""
    rows = [_row(each, each.id in opened, worker, told(each), changeable) for each in made]
    return tag("section", tag("h3.i-list-title", title), tag("ul.i-measured", rows))


def _row(
    each: EvaluationSummary, opened: bool, worker: WorkerState, told: str, changeable: bool
) -> Html:
    when = "with the run" if each.with_run else words.moment(each.finished_at or each.created_at)
    face = tag(
        "button.i-measured-face",
        tag("span.i-measured-line", told),
        tag("span.i-soft", when),
        type="button", data_act="open", data_arg=each.id, aria_pressed=str(opened).lower(),
    )  # fmt: skip
    actions = []
    if changeable and each.live:
        actions.append(button("Stop", "stop", each.id, "small"))
    elif changeable:
        if each.resumable:
            actions.append(button("Resume", "resume", each.id, "small"))
        if not each.with_run:
            actions.append(button("Delete", "delete", each.id, "small quiet"))
    return tag(
        "li", tag("div.i-measured-top", face, badge(each.status), actions), _state(each, worker),
        class_="chosen" if opened else "", data_evaluation=each.id, data_status=each.status,
    )  # fmt: skip


def _state(each: EvaluationSummary, worker: WorkerState) -> Html | None:
    """How far it is, or why it ended."""
    if each.error:
        return notice(each.error, "bad" if each.status == "failed" else "warn")
    if not each.live:
        return None
    state = each.progress
    if state is None:
        line = worker.message if not worker.alive else "Starts when the worker is free."
        return tag("div.i-progress-line", tag("span.i-soft", line))
    return tag(
        "div",
        bar(words.progress_share(state), state.stage),
        tag("div.i-progress-line", tag("span", state.stage),
            tag("span.i-soft", words.progress_line(state))),
    )  # fmt: skip
