"""The calls for programs and agents: frozen, checked, told in sentences; everything else is private.

Where a change of them is meant, ``python -m tests.unit.ui.test_api`` writes them down anew.
"""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

import gradio as gr
import pytest

from backend.services import Services
from backend.settings import Settings
from ui import api
from ui.api import Api, Told
from ui.shell import build

FROZEN = Path(__file__).with_name("api.json")


def told_of(demo: gr.Blocks) -> dict[str, Any]:
    """What a program can learn of the calls: names, arguments, types, descriptions."""
    calls = {}
    for name, found in demo.get_api_info()["named_endpoints"].items():
        handler = next(each.fn for each in demo.fns.values() if f"/{each.api_name}" == name)
        _, arguments, _ = gr.utils.get_function_description(handler)
        calls[name] = {
            "description": found["description"],
            "returns": [each["type"] for each in found["returns"]],
            "arguments": [
                {
                    "name": each["parameter_name"],
                    "type": each["type"],
                    "description": arguments[each["parameter_name"]],
                    **(
                        {"default": each["parameter_default"]}
                        if each["parameter_has_default"]
                        else {}
                    ),
                }
                for each in found["parameters"]
            ],
        }
    return calls


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> gr.Blocks:
    return build(Services(Settings(home=tmp_path_factory.mktemp("home"))))


def test_the_calls_are_what_was_promised(demo: gr.Blocks) -> None:
    assert told_of(demo) == json.loads(FROZEN.read_text("utf-8"))


def test_every_call_and_argument_is_described(demo: gr.Blocks) -> None:
    for name, call in told_of(demo).items():
        assert call["description"].endswith("."), name
        assert all(each["description"] and each["type"] for each in call["arguments"]), name


def test_nothing_else_is_public(demo: gr.Blocks) -> None:
    public = [each for each in demo.fns.values() if each.api_visibility != "private"]
    assert [each.api_name for each in public] == list(api.CALLS)
    assert not demo.get_api_info()["unnamed_endpoints"]
    assert {f"/{name}" for name in api.CALLS} == set(demo.get_api_info()["named_endpoints"])


def checked(name: str, services: Services | None = None) -> Any:
    return api._checked(getattr(Api(services or Services(Settings())), name))


@pytest.mark.parametrize(
    ("name", "given", "said"),
    [
        ("search", ("a", "r-1", "many"), "k: "),
        ("search", ("a", "r-1", 0), "k: "),
        ("search", ("a", "r-1", 10, "sounds"), "among: "),
        ("search", ("x" * 501, "r-1"), "query: "),
        ("search", ({"a": 1}, "r-1"), "query: "),
        ("search", (), "query: "),
        ("search", ("a red circle",), "No run has finished yet"),
        ("search", ("a red circle", "../../etc"), "no run"),
        ("drift", ("image:1", "r-1", 41), "generations: "),
        ("neighbours", (None,), "item: "),
        ("run_status", ("r-none",), "There is no run r-none"),
        (
            "start_run",
            ("scenes-small", "minilm", "minilm", "linear-infonce", None, 0, 99),
            "seeds: ",
        ),
        ("start_run", ("/no/such/folder", "nothing", "nothing"), "dataset: "),
    ],
)
def test_what_cannot_be_done_is_a_sentence(name: str, given: tuple[Any, ...], said: str) -> None:
    with pytest.raises(Told) as caught:
        checked(name)(*given)
    assert said in str(caught.value) and "Traceback" not in str(caught.value)


def test_a_read_only_place_starts_no_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ISTHMUS_MODE", "readonly")
    with pytest.raises(Told, match="read-only"):
        checked("start_run")("scenes-small", "scene-resnet-ssl", "minilm")


def test_a_run_that_is_started_can_be_asked_how_far_it_is() -> None:
    services = Services(Settings())
    started = checked("start_run", services)(
        "scenes-small", "scene-resnet-ssl", "minilm", "ridge", None, 3, 1, 200, "by a program"
    )
    assert (started["status"], started["seed"], started["queue_position"]) == ("queued", 3, 1)
    asked = checked("run_status", services)(started["id"])
    assert asked["name"] == "by a program" and asked["scores"] is None
    assert [each["id"] for each in checked("list_runs", services)()] == [started["id"]]
    json.dumps(asked)


@pytest.mark.parametrize(
    ("sentence", "without"),
    [
        (
            "The folder /home/someone/pictures cannot be read.",
            "The folder pictures cannot be read.",
        ),
        (r"C:\Users\someone\set.csv, row 7", "set.csv, row 7"),
        ("See https://example.org/a/b/c for it.", "See https://example.org/a/b/c for it."),
        ("facebook/dinov2-small and 1/2", "facebook/dinov2-small and 1/2"),
    ],
)
def test_folders_of_this_machine_are_left_out(sentence: str, without: str) -> None:
    assert api._without_folders(sentence) == without


def test_only_so_many_are_answered_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    services = Services(Settings())
    calls = Api(services)
    at_work, most, lock, go = 0, 0, threading.Lock(), threading.Event()

    def slow() -> list[Any]:
        nonlocal at_work, most
        with lock:
            at_work += 1
            most = max(most, at_work)
        go.wait(10)
        with lock:
            at_work -= 1
        return []

    monkeypatch.setattr(services, "runs", slow)
    threads = [threading.Thread(target=calls.list_runs) for _ in range(3 * api.AT_ONCE)]
    for thread in threads:
        thread.start()
    while at_work < api.AT_ONCE:
        threading.Event().wait(0.01)
    monkeypatch.setattr(api, "_PATIENCE", 0.05)
    with pytest.raises(Told, match="Too much is asked at once"):
        api._checked(calls.list_runs)()
    go.set()
    for thread in threads:
        thread.join(10)
    assert most == api.AT_ONCE


if __name__ == "__main__":
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        calls = told_of(build(Services(Settings(home=Path(folder)))))
    FROZEN.write_text(json.dumps(calls, indent=1) + "\n", encoding="utf-8")
