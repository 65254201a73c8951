"""The frame around the pages: what starts the clock, what alone may stop it, where an address leads."""

from __future__ import annotations

import json
import time
from collections import Counter
from itertools import pairwise
from threading import Event
from types import SimpleNamespace
from typing import Any

import gradio as gr
import pytest

from backend.schemas import Progress, WorkerState
from backend.services import Services
from backend.settings import Settings
from ui import links
from ui.context import listing_of
from ui.frame import PARTED, Frame, made_with
from ui.presence import Presence
from ui.shell import TABS, build

PAGES = tuple(TABS)


def test_only_a_tick_stops_the_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """What ended since the last tick is in no answer but the next tick's, so that one has to come."""
    monkeypatch.setenv("ISTHMUS_MODE", "readonly")  # nothing is live, nothing is waited for
    idle = Frame(Services(Settings()), PAGES)
    assert idle.tick()[2].active is False
    assert idle.wake()[1] == gr.skip()
    monkeypatch.setenv("ISTHMUS_MODE", "full")  # no worker yet: it is waited for
    busy = Frame(Services(Settings()), PAGES)
    assert busy.tick()[2].active is True and busy.wake()[1].active is True


def test_a_change_that_several_listen_to_is_heard_by_each_for_itself() -> None:
    demo = build(Services(Settings()))
    heard = Counter(target for each in demo.fns.values() for target in each.targets)
    many = [
        each
        for each in demo.fns.values()
        if any(target[1] == "change" and heard[target] > 1 for target in each.targets)
    ]
    assert len(many) > 20  # the version alone has one a page and part
    assert not [each for each in many if each.trigger_mode == "always_last"]


def test_what_is_wanted_last_is_heard_also_while_an_answer_is_under_way() -> None:
    """By default Gradio's page drops it: a choice, a lasso, or the run that a page has just learnt of."""
    demo = build(Services(Settings()))
    modes: dict[str, set[str]] = {}
    for each in demo.fns.values():
        for target, kind in each.targets:
            name = getattr(demo.blocks.get(target), "elem_id", None)
            modes.setdefault(f"{name} {kind}", set()).add(each.trigger_mode)
    for once_more in ("i-compare-mode input", "i-explore-target input", "i-wrong-side input"):
        assert modes[once_more] == {"always_last"}, once_more
    # which points were chosen would not be told again
    for each_for_itself in ("i-map lasso", "i-map pick", "i-compare-left lasso"):
        assert modes[each_for_itself] == {"multiple"}, each_for_itself
    (second,) = [
        each for each in demo.fns.values() if "second" in str(each.fn and each.fn.__name__)
    ]
    assert second.trigger_mode == "multiple"
    # two clicks on a button are one wish
    assert modes["i-launch-button click"] == {"once"}


def request(**asked: str) -> Any:
    """What Gradio passes of a page that was opened at an address."""
    return SimpleNamespace(session_hash="view", query_params=asked)


def opened(
    frame: Frame, **asked: str
) -> tuple[dict[str, Any], dict[str, str], str, dict[str, str]]:
    """Tabs, shared fields, what is told, and the place, as the page gets them."""
    tabs, *rest = frame.open(request(**asked))
    rest = rest[len(PARTED) :]
    # what nothing was asked of is left as it is
    fields = {
        name: "" if text == gr.skip() else text
        for name, text in zip(links.FIELDS, rest, strict=False)
    }
    told, place = rest[len(links.FIELDS) : len(links.FIELDS) + 2]
    return tabs, fields, told, json.loads(place)


@pytest.fixture
def frame(monkeypatch: pytest.MonkeyPatch) -> Frame:
    services = Services(Settings())
    monkeypatch.setattr(services, "warm_up", lambda: None)
    return Frame(services, PAGES)


def test_an_address_leads_to_its_page_and_what_cannot_be_is_passed_over(frame: Frame) -> None:
    tabs, fields, told, place = opened(frame, tab="map", run="../../etc", part="<b>")
    assert tabs.selected == "map" and told == ""
    assert fields["run"] == "" and place == {"tab": "map", "part": "", "run": "", "sweep": ""}
    tabs, _, _, place = opened(frame, tab="no-such-page")
    assert tabs == gr.skip() and place["tab"] == "explore"


def test_what_an_address_does_not_ask_for_is_left_as_it_is(frame: Frame) -> None:
    """Somebody may have searched before the page's first answer came."""
    _, *rest = frame.open(request())
    fields = dict(zip(links.FIELDS, rest[len(PARTED) :], strict=False))
    assert fields["asked"] == fields["run"] == fields["selection"] == gr.skip()


def test_an_unknown_link_is_told_and_the_plain_page_shown(frame: Frame) -> None:
    for code in ("abcdefgh", "<img src=x onerror=alert(1)>", "x" * 5000):
        tabs, fields, told, place = opened(frame, link=code)
        assert "i-notice warn" in told and "<img" not in told
        assert place["tab"] == "explore" and not any(fields.values())


def test_a_link_to_a_run_that_is_gone_says_so_and_keeps_the_query(frame: Frame) -> None:
    state = {"page": "map", "run": "r-gone", "view": {"colour": "cluster"},
             "asked": {"parts": [{"kind": "text", "value": "a red circle"}]}}  # fmt: skip
    _, fields, told, place = opened(frame, link=frame.services.keep_link(state))
    assert "not here any more" in told and place["tab"] == "map"
    assert fields["run"] == "" and fields["view"] == "" and "a red circle" in fields["asked"]


def test_the_footer_names_what_a_run_was_made_with() -> None:
    configuration = {
        "image_encoder": "facebook/dinov2-small", "image_revision": "ed25f3a31f01632728cabb09d1542f84",
        "text_encoder": "/home/someone/encoders/mine", "text_revision": None,
    }  # fmt: skip
    said = made_with("/home/someone/photographs", configuration)
    assert said == "photographs · facebook/dinov2-small @ ed25f3a · mine"


def test_the_footer_tells_version_privacy_and_keys(frame: Frame) -> None:
    said = frame.footer("")
    assert "Isthmus 0." in said and "Nothing leaves this machine" in said and "data-help" in said
    assert frame.footer("no such run") == said


def test_memory_is_let_go_of_when_the_last_viewer_has_left() -> None:
    rested = Event()
    presence = Presence(rested.set, grace=0.05)
    presence.came("one")
    presence.came("two")
    presence.left("one")
    assert not rested.wait(0.3)  # one is still there
    presence.left("two")
    assert rested.wait(10)


def test_a_page_that_is_loaded_anew_keeps_what_is_open() -> None:
    rested = Event()
    presence = Presence(rested.set, grace=0.5)
    presence.came("one")
    presence.left("one")
    presence.came("two")
    time.sleep(1)
    assert not rested.is_set()
    presence.asked()  # by a program, while somebody looks
    assert not rested.wait(1)


def test_resting_closes_runs_encoders_and_answers() -> None:
    services = Services(Settings())
    services._spaces.put("r-1", object())  # type: ignore[arg-type]
    services._encoders[("text", "minilm")] = object()  # type: ignore[assignment]
    services._remembered("question", lambda: "answer")
    services.rest()
    assert not services._spaces and not services._encoders and not services._answers


def test_pages_follow_the_first_run_in_steps() -> None:
    def place(done: int, status: str = "running") -> Any:
        progress = Progress(stage="Encode", done=done, total=1000, step=1, steps=1)
        run = SimpleNamespace(id="r", name="r", status=status, error=None, progress=progress)
        worker = WorkerState(alive=True, device="cpu", message="")
        return SimpleNamespace(runs=lambda: [run], worker=lambda: worker)

    told = [listing_of(place(done)) for done in range(1001)]
    assert 20 <= len(set(told)) <= 26
    assert sum(a != b for a, b in pairwise(told)) == len(set(told)) - 1
    assert listing_of(place(1000, "failed")) != told[-1]


def test_a_page_that_is_not_open_asks_nothing_of_a_change_elsewhere() -> None:
    """Of what all pages share, only the frame hears itself; the pages hear what rings while they are open."""
    demo = build(Services(Settings()))
    labels = {id: getattr(block, "elem_id", None) for id, block in demo.blocks.items()}
    shared = {id for id, label in labels.items() if label and label.startswith("i-shared-")}
    said = {"run", "other", "opened", "asked", "selection", "view", "listing"}
    direct = [
        (labels[target].removeprefix("i-shared-"), each.fn.__qualname__)
        for each in demo.fns.values()
        for target, event in each.targets
        if each.fn is not None and target in shared and event == "change"
    ]
    assert {fn.split(".")[0] for name, fn in direct if name in said} == {"Frame"}
    bells = [id for id, block in demo.blocks.items() if getattr(block, "label", None) == "bell"]
    rung = [each for each in demo.fns.values() if {out._id for out in each.outputs} & {*bells}]
    heard = [each for each in demo.fns.values() if {id for id, _ in each.targets} & {*bells}]
    assert rung and all(each.fn is None for each in rung), "in the browser alone"
    assert len(heard) > 20 and all(each.fn is not None for each in heard)
