"""The frame around the pages: what starts the clock, and what alone may stop it."""

from __future__ import annotations

from collections import Counter

import gradio as gr
import pytest

from backend.services import Services
from backend.settings import Settings
from ui.shell import Frame, build


def test_only_a_tick_stops_the_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """What ended since the last tick is in no answer but the next tick's, so that one has to come."""
    monkeypatch.setenv("ISTHMUS_MODE", "readonly")  # nothing is live, nothing is waited for
    idle = Frame(Services(Settings()))
    assert idle.tick()[2].active is False
    assert idle.wake()[1] == gr.skip()
    monkeypatch.setenv("ISTHMUS_MODE", "full")  # no worker yet: it is waited for
    busy = Frame(Services(Settings()))
    assert busy.tick()[2].active is True and busy.wake()[1].active is True


def test_what_pages_share_is_heard_by_each_listener_for_itself() -> None:
    demo = build(Services(Settings()))
    shared = {name for name, block in demo.blocks.items() if block.visible == "hidden"}
    heard = Counter(target for each in demo.fns.values() for target in each.targets)
    many = [
        each
        for each in demo.fns.values()
        if any(target[0] in shared and heard[target] > 1 for target in each.targets)
    ]
    assert len(many) > 20  # the version alone has one a page and part
    assert not [each for each in many if each.trigger_mode == "always_last"]
