"""What is said of a map below it: how it is laid out, of how many points, and how far it can be trusted."""

from __future__ import annotations

from typing import Final

from backend.schemas import EvaluationSummary, MapView, Modality, WorkerState
from ui import cards, words
from ui.markup import Html, tag
from ui.pages.mapping.layout_fold import METHOD_WORDS
from ui.run_cards import bar

_TRUST: Final = (
    "Trustworthiness (Venna and Kaski) falls below 1 where points lie together on the map that are far "
    "apart in the space; the second figure is how many of a point's ten nearest in the space are among "
    "its ten nearest on the map. Read groups and neighbours off the map, distances between groups less so."
)


def words_of(view: MapView, modality: Modality) -> Html:
    """A view in sentences."""
    thing = words.ITEM_WORDS[modality]
    drawn = words.count(len(view.points), "point")
    if view.total > len(view.points):
        drawn = f"{len(view.points):,} of {view.total:,} points, a stratified sample"
    space = "" if view.layout.space == "shared" else f" of the {view.layout.space} before its head"
    moves = "drag to turn" if view.layout.dimensions == 3 else "drag to move"
    return tag(
        "div.i-map-told",
        tag(
            "p.i-soft",
            tag("b.i-tag", METHOD_WORDS[view.layout.method], data_layout=view.layout.method),
            f"{space} {drawn}. {view.graph.rstrip('.')}. Circles are {thing}s, diamonds captions. "
            f"Scroll to zoom, {moves}, double-click for all.",
        ),
        _quality(view),
    )


def _quality(view: MapView) -> Html | None:
    if view.trustworthiness is None or view.neighbours_kept is None:
        return None
    figures = (
        f"Trustworthiness {view.trustworthiness:.2f}; {words.percent(view.neighbours_kept, 0)} of each "
        f"point's ten nearest stay near"
    )
    where = f", measured at {words.count(view.judged, 'point')}." if view.judged else "."
    return tag("details.i-map-quality", tag("summary", figures + where), tag("p", _TRUST))


def progress(
    view: MapView, asked: str, job: EvaluationSummary | None, worker: WorkerState, changeable: bool
) -> Html | str:
    """How far the layout is that is shown next; why it did not come. Nothing where it is there.

    Args:
        asked: the method that was asked for, in a word.
    """
    if view.ready:
        return ""
    if view.note:
        return cards.notice(view.note)
    if job is None:
        return cards.notice(f"{asked} of these points has not been drawn; this is {_now(view)}.")
    if job.live:
        return _under_way(view, asked, job, worker, changeable)
    line = job.error or f"{asked} was stopped; this is {_now(view)}."
    again = cards.button("Draw it", "again", kind="small") if changeable and job.resumable else None
    return tag("div.i-map-progress", tag("span", line), again, role="status")


def _under_way(
    view: MapView, asked: str, job: EvaluationSummary, worker: WorkerState, changeable: bool
) -> Html:
    state = job.progress
    line = words.progress_line(state) if state else ""
    if not worker.alive:
        line = worker.message
    elif job.status == "queued":
        line = "starts when the worker is free"
    # a run's own map is made by its own step
    stop = (
        cards.button("Stop", "stop", job.id, "small stop")
        if changeable and not job.with_run
        else None
    )
    return tag(
        "div.i-map-progress",
        tag("span", f"{asked} is being drawn and takes its place by itself; until then, {_now(view)}."),
        tag("span.i-soft", " · ".join(part for part in (state.stage if state else "", line) if part)),
        bar(words.progress_share(state) if state else None, f"{asked} is being drawn"),
        stop,
        role="status",
    )  # fmt: skip


def _now(view: MapView) -> str:
    return METHOD_WORDS[view.layout.method]
