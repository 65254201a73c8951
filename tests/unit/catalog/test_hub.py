"""The Hub: what is fetched and what never is, in processes of their own as this one is offline."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest

from backend.catalog.hub import _is_small, _weights
from backend.settings import REPOSITORY
from tests.unit.features import tiny

FETCH = """
import sys
from backend.catalog.encoders import encoder_info, find_encoder, spec_files
from backend.catalog.hub import fetch, remote_size
from backend.errors import EncoderError
from backend.settings import Settings
name, endpoint, pin = sys.argv[1:]
asked = f"{name}?revision={pin}" if pin else name
try:
    print(remote_size(name, pin or None, endpoint))
    told = []
    print(fetch(name, pin or None, lambda *each: told.append(each), endpoint))
    info = encoder_info(asked, "image", Settings())
    print(info.revision, info.available, info.parameters, info.download_bytes, info.library)
    print(encoder_info(name + "?revision=" + "f" * 40, "image", Settings()).available)
    print(*sorted({(done, total) for done, total, _ in told}))
except EncoderError as error:
    print(error)
"""

MAIN, CONVERTED, OLD = "0" * 39 + "1", "0" * 39 + "2", "0" * 39 + "3"
TITLE = "Adding `safetensors` variant of this model"


def _fetch(hub_id: str, endpoint: str, cache: Path, pin: str = "") -> str:
    environment = {name: value for name, value in os.environ.items() if "proxy" not in name.lower()}
    environment.pop("HF_HUB_OFFLINE", None)
    environment |= {"HF_HOME": str(cache), "HF_HUB_DISABLE_XET": "1"}
    done = subprocess.run(
        [sys.executable, "-c", FETCH, hub_id, endpoint, pin],
        cwd=REPOSITORY,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_hub_that_never_answers_is_told_within_seconds(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent_server:
        begin = time.monotonic()
        said = _fetch("a/b", f"http://127.0.0.1:{silent_server.getsockname()[1]}", tmp_path)
    assert "the Hub cannot be reached" in said and "give the path of its folder" in said
    assert time.monotonic() - begin < 30  # the process's start included, on a loaded machine


def test_a_hub_that_is_not_there_is_told(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    assert "the Hub cannot be reached" in _fetch("a/b", f"http://127.0.0.1:{port}", tmp_path)


class _Hub:
    """A Hub on loopback.

    ``a/vit`` is safe, ``a/pickled`` has pickled weights alone, and of ``a/converted``,
    ``a/outdated`` and ``a/stranger`` there are pull requests with safetensors: by the robot and of
    the newest revision, by the robot and of an older one, by somebody else.
    """

    def __init__(self, folder: Path) -> None:
        safe = tiny.vit(folder)
        (safe / "pytorch_model.bin").write_bytes(b"never to be fetched")
        (safe / "model.fp32.safetensors").write_bytes(b"a copy")
        whole = {path.name: path.read_bytes() for path in safe.iterdir()}
        whole["onnx/config.json"] = b"{}"
        bare = {name: data for name, data in whole.items() if "safetensors" not in name}
        self.files: dict[tuple[str, str], dict[str, bytes]] = {("a/vit", "main"): whole}
        large = whole["model.safetensors"]
        self.files["a/slow", "main"] = whole | {"model.safetensors": _longer(large, 40_000_000)}
        self.requests: dict[str, list[dict[str, Any]]] = {}
        self.parents: dict[str, str] = {}
        for name, author, parent in (
            ("a/pickled", None, MAIN),
            ("a/converted", "SFconvertbot", MAIN),
            ("a/outdated", "SFconvertbot", OLD),
            ("a/stranger", "somebody", MAIN),
        ):
            self.files[name, "main"] = bare
            self.parents[name] = parent
            if author is not None:
                self.files[name, "refs/pr/7"] = whole
                self.requests[name] = [_request(author)]

    def delay(self, path: str) -> float:
        """Seconds before an answer to go on for: of slow things a part, of others none."""
        return 0.8 if "a/slow" in unquote(path) else 0.0

    def told(self, path: str) -> bytes:
        parts = [unquote(part) for part in path.split("?")[0].strip("/").split("/")]
        if parts[0] != "api":
            name, revision, file = "/".join(parts[:2]), parts[3], "/".join(parts[4:])
            revision = {MAIN: "main", CONVERTED: "refs/pr/7"}.get(revision, revision)
            return self.files[name, revision][file]
        name, rest = "/".join(parts[2:4]), parts[4:]
        answer: Any
        if rest[:1] == ["discussions"]:
            listed = self.requests.get(name, [])
            answer = {"discussions": listed, "count": len(listed), "start": 0}
        elif rest[:1] == ["commits"]:
            newest = (
                [CONVERTED, self.parents[name]] if rest[1] not in ("main", MAIN) else [MAIN, OLD]
            )
            answer = [_commit(each) for each in newest]
        else:
            asked = rest[1] if rest else "main"
            asked = {MAIN: "main", CONVERTED: "refs/pr/7"}.get(asked, asked)
            files = self.files[name, asked].items()
            if rest[:1] == ["tree"]:
                answer = [
                    {"type": "file", "path": n, "size": len(data), "oid": n} for n, data in files
                ]
            else:
                listed = [{"rfilename": n, "size": len(data)} for n, data in files]
                answer = {"id": name, "sha": _commit_of(asked), "siblings": listed}
        return json.dumps(answer).encode()


def _longer(weights: bytes, size: int) -> bytes:
    """The same file of weights with a tensor of so many bytes behind them."""
    length = int.from_bytes(weights[:8], "little")
    header = json.loads(weights[8 : 8 + length])
    end = len(weights) - 8 - length
    header["more"] = {"dtype": "U8", "shape": [size], "data_offsets": [end, end + size]}
    told = json.dumps(header).encode()
    return len(told).to_bytes(8, "little") + told + weights[8 + length :] + bytes(size)


def _commit_of(revision: str) -> str:
    return MAIN if revision == "main" else CONVERTED


def _commit(commit: str) -> dict[str, Any]:
    date = "2024-01-01T00:00:00.000Z"
    return {"id": commit, "title": "x", "message": "", "date": date, "authors": [{"user": "u"}]}


def _request(author: str) -> dict[str, Any]:
    return {
        "title": TITLE,
        "num": 7,
        "author": {"name": author},
        "createdAt": "2024-01-01T00:00:00.000Z",
        "status": "open",
        "isPullRequest": True,
        "repo": {"name": "x", "type": "model"},
    }


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(_Hub(tmp_path / "served")))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def _handler(hub: _Hub) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer(body=True)

        def do_HEAD(self) -> None:
            self._answer(body=False)

        def log_message(self, *_: object) -> None: ...

        def _answer(self, *, body: bool) -> None:
            content = hub.told(self.path)
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.send_header("Content-Type", "application/json")
            converted = "pr%2F7" in self.path or CONVERTED in self.path
            self.send_header("X-Repo-Commit", CONVERTED if converted else MAIN)
            self.send_header("ETag", f'"{hash(content):x}"')
            self.end_headers()
            if body:
                half = len(content) // 2
                self.wfile.write(content[:half])
                self.wfile.flush()
                time.sleep(hub.delay(self.path))
                self.wfile.write(content[half:])

    return Handler


@pytest.mark.parametrize("pin", ["", MAIN])
@pytest.mark.parametrize(("name", "commit"), [("a/vit", MAIN), ("a/converted", CONVERTED)])
def test_a_model_is_fetched_without_its_pickles_and_copies(
    hub: str, tmp_path: Path, name: str, commit: str, pin: str
) -> None:
    said = _fetch(name, hub, tmp_path / "cache", pin).splitlines()
    size, folder, told, other_revision, _ = said
    assert sorted(path.name for path in Path(folder).iterdir()) == [
        "config.json",
        "model.safetensors",
        "preprocessor_config.json",
    ]
    assert Path(folder).name == commit
    revision, available, parameters, stored, library = told.split()
    assert (revision, available, library) == (commit, "True", "transformers")
    assert int(parameters) > 0 and int(size) == int(stored)
    assert other_revision == "False"


def test_a_download_tells_the_megabytes_that_have_arrived(hub: str, tmp_path: Path) -> None:
    told = _fetch("a/slow", hub, tmp_path / "cache").splitlines()[-1]
    steps = [tuple(map(int, step.split(", "))) for step in told.strip("()").split(") (")]
    assert (0, 0) in steps  # before the Hub has said how much it is
    assert any(0 < done < 40 and total == 40 for done, total in steps)


@pytest.mark.parametrize("name", ["a/pickled", "a/outdated", "a/stranger"])
def test_a_model_with_pickles_alone_is_refused(hub: str, tmp_path: Path, name: str) -> None:
    assert "no weights in the safetensors format" in _fetch(name, hub, tmp_path / "cache")


@pytest.mark.parametrize(
    ("listed", "wanted"),
    [
        (["model.safetensors", "model.fp32-00001-of-00002.safetensors"], ["model.safetensors"]),
        (
            ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors", "x.bin"],
            ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"],
        ),
        (
            ["model.safetensors", "2_Dense/model.safetensors", "openvino/model.safetensors"],
            ["model.safetensors", "2_Dense/model.safetensors"],
        ),
        (["open_clip_model.safetensors", "pytorch_model.bin"], []),
    ],
)
def test_one_set_of_weights_is_wanted(listed: list[str], wanted: list[str]) -> None:
    assert _weights(listed) == set(wanted)


def test_code_is_never_wanted() -> None:
    names = ["config.json", "modeling_x.py", "1_Pooling/config.json", "onnx/config.json", "a.bin"]
    assert [name for name in names if _is_small(name)] == ["config.json", "1_Pooling/config.json"]
