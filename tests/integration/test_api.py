"""The app over HTTP: its calls by Gradio's client and as MCP tools, and whatever a browser may send."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

import anyio
import gradio as gr
import httpx
import pytest
from gradio_client import Client
from gradio_client.exceptions import AppError
from mcp import ClientSession
from mcp.client.streamable_http import streamable_http_client

from backend.runs.pipeline import run_pipeline
from backend.runs.store import Store
from backend.schemas import RunRequest
from backend.services import Services
from backend.settings import Settings
from ui.api import CALLS, answer_in_json
from ui.shell import build, launch_options


class Open(NamedTuple):
    """The app, served on the loopback."""

    demo: gr.Blocks
    url: str
    services: Services
    run: str


def serve(services: Services, run: str) -> Open:
    demo = build(services)
    options = launch_options(services) | {"server_name": "127.0.0.1", "server_port": None}
    _, url, _ = demo.launch(**options)
    answer_in_json(demo)
    return Open(demo, url, services, run)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, small: RunRequest) -> tuple[Settings, str]:
    """A home with one finished run."""
    settings = Settings(home=tmp_path_factory.mktemp("served"))
    store = Store(settings)
    run = run_pipeline(settings, store, small, with_map=False).summary
    store.database.close()
    assert run.status == "finished"
    return settings, run.id


@pytest.fixture(scope="module")
def app(made: tuple[Settings, str]) -> Iterator[Open]:
    settings, run = made
    opened = serve(Services(settings), run)
    yield opened
    opened.demo.close()
    opened.services.stop()


def arguments(run: str, item: str) -> dict[str, dict[str, Any]]:
    """Something to call each call with; all but start_run can be carried out."""
    return {
        "search": {"query": "red beside blue", "run": run, "k": 3, "among": "both"},
        "neighbours": {"item": item, "k": 2},
        "embed": {"text": "a green half", "run": run},
        "list_runs": {},
        "start_run": {"dataset": "no/such/set", "image_encoder": "none", "text_encoder": "none"},
        "run_status": {"run": run},
        "drift": {"item": item, "generations": 3},
    }


def test_every_call_answers_gradios_client_and_mcp_alike(app: Open) -> None:
    client = Client(app.url, verbose=False)
    found = client.predict(**arguments(app.run, "")["search"], api_name="/search")
    hits = found["answers"]["image"]["hits"]
    assert [hit["rank"] for hit in hits] == [1, 2, 3] and set(found["answers"]) == {"image", "text"}
    by_hand = app.services.embed(app.run, _text("red beside blue"))
    own = app.services.embed(app.run, _item(hits[0]["id"]))
    assert hits[0]["score"] == pytest.approx(
        sum(a * b for a, b in zip(by_hand, own, strict=True)), abs=1e-4
    )

    told: dict[str, Any] = {}
    for name, given in arguments(app.run, hits[0]["id"]).items():
        try:
            told[name] = client.predict(**given, api_name=f"/{name}")
        except AppError as error:
            told[name] = str(error)
    assert "cannot start" in told["start_run"]
    assert len(told["drift"]["steps"]) == 4 and len(told["embed"]["vector"]) == 16
    assert told["run_status"]["scores"]["images"] == 6

    tools, answers = anyio.run(_by_mcp, app.url, arguments(app.run, hits[0]["id"]))
    assert [tool.name for tool in tools] == list(CALLS)
    assert all(tool.description and "Returns:" in tool.description for tool in tools)
    for name, answer in answers.items():
        text = answer.content[0].text
        if answer.isError:
            assert text == told[name], name
        else:
            assert _timeless(json.loads(text)) == _timeless(told[name]), name
    everything = json.dumps([told, [tool.model_dump(mode="json") for tool in tools]])
    assert str(app.services.settings.home) not in everything
    assert str(Path(__file__).resolve().parents[2]) not in everything


def _text(words: str) -> Any:
    from backend.schemas import QueryPart

    return QueryPart(kind="text", value=words)


def _item(item: str) -> Any:
    from backend.schemas import QueryPart

    return QueryPart(kind="item", value=item)


def _timeless(answer: Any) -> Any:
    return (
        {k: v for k, v in answer.items() if k != "seconds"} if isinstance(answer, dict) else answer
    )


async def _by_mcp(url: str, given: dict[str, dict[str, Any]]) -> tuple[list[Any], dict[str, Any]]:
    async with (
        streamable_http_client(f"{url}gradio_api/mcp/") as (reading, writing, _),
        ClientSession(reading, writing) as session,
    ):
        await session.initialize()
        tools = (await session.list_tools()).tools
        return tools, {name: await session.call_tool(name, each) for name, each in given.items()}


GARBAGE: tuple[Any, ...] = (
    None, True, 7, -1e308, "", "x" * 100_000, "../../../../etc/passwd", "/etc/passwd",
    '<img src=x onerror="alert(1)">', "'; DROP TABLE runs; --", "\x00\ud7ff", [], {}, [None, {"a": [1]}],
    {"values": {"dataset": ["/etc/passwd"]}, "drafts": 3}, [[1, 2], "a"], "[" * 5_000, '{"parts": 3}',
    {"path": "/etc/passwd", "meta": {"_type": "gradio.FileData"}},
)  # fmt: skip
#: what events of this app tell of themselves
TOLD = (
    "act",
    "arg",
    "at",
    "how",
    "id",
    "index",
    "name",
    "point",
    "row",
    "row_value",
    "rows",
    "share",
    "value",
)
#: fields that hold uploads
FILES = (gr.UploadButton, gr.File, gr.Image, gr.Audio)
#: what an answer must never hold
INSIDE = ("Traceback", "site-packages", 'File "', "root:x:0", "sqlite3", "SELECT ")


def throw(opened: Open, thrown: tuple[Any, ...], step: int) -> list[str]:
    """Sends nonsense to every private event; what an answer gave away that it must not.

    Args:
        thrown: what is sent; an event gets every ``step``-th of it, another part than the one before.
    """
    leaks = []
    # a connection that is kept may be closed while the next event is on its way
    alone = {"Connection": "close"}
    with httpx.Client(base_url=opened.url, timeout=120, headers=alone) as client:
        for number, handler in opened.demo.fns.items():
            if handler.fn is None or handler.api_visibility == "public":
                continue
            for position in range(number % step, len(thrown), step):
                each = thrown[position]
                data = [each for _ in handler.inputs]
                event = dict.fromkeys(TOLD, each)
                answer = client.post(
                    "gradio_api/run/predict",
                    json={
                        "fn_index": number,
                        "data": data,
                        "event_data": event,
                        "session_hash": "s",
                    },
                )
                name = getattr(handler.fn, "__qualname__", str(number))
                # no sentence: Gradio has given up by itself, as it does where a file is meant
                mute = answer.status_code == 500 and answer.json().get("error") is None
                mute = mute and not (
                    isinstance(thrown[position], dict) and "meta" in thrown[position]
                )
                if mute and not any(isinstance(each, FILES) for each in handler.inputs):
                    leaks.append(f"{name}({thrown[position]!r:.60}): no sentence")
                if answer.status_code not in (200, 500, 422) or any(
                    w in answer.text for w in INSIDE
                ):
                    leaks.append(f"{name}({each!r:.60}): {answer.status_code} {answer.text[:300]}")
        for number, block in opened.demo.blocks.items():
            for function in getattr(block, "server_fns", None) or ():
                for each in thrown:
                    asked = {
                        "session_hash": "s",
                        "component_id": number,
                        "fn_name": function.__name__,
                    }
                    answer = client.post("gradio_api/component_server", json=asked | {"data": each})
                    if answer.status_code >= 500 or any(word in answer.text for word in INSIDE):
                        leaks.append(f"{function.__name__}({each!r:.60}): {answer.text[:300]}")
    return leaks


def fallen(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Handlers that ended otherwise than they had foreseen."""
    return sorted(
        {
            f"{each.args[1]}: {each.exc_info[1]!r:.160}"  # type: ignore[index]
            for each in caplog.records
            if each.name == "ui.guard"
        }
    )


def test_nonsense_for_any_event_is_answered_in_sentences(
    app: Open, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.ERROR, "ui.guard")
    assert throw(app, GARBAGE, 3) == []
    assert fallen(caplog) == []
    assert httpx.get(app.url).status_code == 200
    assert [run.id for run in app.services.runs()] == [app.run]


def test_in_a_read_only_place_nothing_changes_whatever_is_sent(
    made: tuple[Settings, str], caplog: pytest.LogCaptureFixture
) -> None:
    settings, run = made
    opened = serve(Services(Settings(home=settings.home, mode="readonly")), run)
    try:
        before = [each.model_dump_json() for each in opened.services.runs()]
        files = sorted(
            path for path in settings.data_dir.rglob("*") if "isthmus.db" not in path.name
        )
        caplog.set_level(logging.ERROR, "ui.guard")
        assert throw(opened, (run, [run], {"run": run}), 1) == []
        assert fallen(caplog) == []
        assert [each.model_dump_json() for each in opened.services.runs()] == before
        after = sorted(
            path for path in settings.data_dir.rglob("*") if "isthmus.db" not in path.name
        )
        assert [path for path in files if path not in after] == []
    finally:
        opened.demo.close()
        opened.services.stop()


def test_who_comes_when_too_many_wait_is_told_so(
    app: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    waiting = next(n for n, each in app.demo.fns.items() if each.fn is not None and each.queue)
    asked = {"fn_index": waiting, "data": [], "session_hash": "s"}
    assert app.demo._queue.max_size == 64
    monkeypatch.setattr(app.demo._queue, "max_size", 0)
    answer = httpx.post(f"{app.url}gradio_api/queue/join", json=asked)
    # Gradio's page says to this: "This application is currently busy. Please try again."
    assert answer.status_code == 503 and "full" in answer.text


def test_twenty_who_only_look_do_not_slow_one_who_asks(app: Open) -> None:
    tick = next(
        number
        for number, each in app.demo.fns.items()
        if getattr(each.fn, "__qualname__", "") == "Frame.tick"
    )

    def quickest(client: httpx.Client) -> float:
        """Seconds that an event takes; the least of several, since others use this machine, too."""
        least = float("inf")
        for _ in range(30):
            begun = time.perf_counter()
            asked = {"fn_index": tick, "data": [], "session_hash": "active"}
            assert client.post("gradio_api/run/predict", json=asked).status_code == 200
            least = min(least, time.perf_counter() - begun)
        return least

    limits = httpx.Limits(max_connections=None)
    with httpx.Client(base_url=app.url, timeout=60, limits=limits) as client, ExitStack() as open_:
        alone = quickest(client)
        for number in range(20):
            beat = open_.enter_context(client.stream("GET", f"gradio_api/heartbeat/idle-{number}"))
            assert "ALIVE" in next(beat.iter_text())
        assert quickest(client) < 2 * alone


def test_files_of_this_machine_are_not_served(app: Open) -> None:
    own = app.services.settings.data_dir / "isthmus.db"
    for path in (
        "/etc/passwd",
        str(own),
        "app.py",
        f"{app.services.settings.thumbnails_dir}/../../data/isthmus.db",
    ):
        answer = httpx.get(f"{app.url}gradio_api/file={path}")
        assert answer.status_code in (403, 404), path
