"""The table of encoders, and what is said about folders and ids that cannot be used."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from backend.catalog.encoders import encoder_info, find_encoder, list_encoders
from backend.errors import EncoderError
from backend.schemas import Side
from backend.settings import REPOSITORY, Settings
from tests.unit.features import tiny


@pytest.mark.parametrize("side", ["image", "text"])
def test_the_table_names_every_encoder_once_and_the_built_in_ones_first(side: Side) -> None:
    listed = list_encoders(side, Settings())
    assert len({info.id for info in listed}) == len(listed) >= 5
    built_in = [info.built_in for info in listed]
    assert built_in == sorted(built_in, reverse=True) and built_in[0]
    assert all(info.side == side and info.licence for info in listed)


def test_minilm_is_on_this_disk_and_the_hub_is_not() -> None:
    listed = {info.id: info for info in list_encoders("text", Settings())}
    assert listed["minilm"].available and listed["bag-of-words"].available
    assert not listed["intfloat/e5-small-v2"].available
    assert find_encoder("intfloat/e5-small-v2", "text", Settings()).prefix == "query: "


def test_a_folder_is_an_encoder_under_its_absolute_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tiny.vit(tmp_path / "vit")
    monkeypatch.chdir(tmp_path)
    assert find_encoder("./vit", "image", Settings()).id == str(folder)
    info = encoder_info("vit", "image", Settings())
    assert (info.name, info.dimension, info.built_in, info.available) == ("vit", 24, False, True)
    model_parameters = info.parameters
    assert model_parameters is not None and 5_000 < model_parameters < 50_000


@pytest.mark.parametrize(
    ("encoder", "side", "what"),
    [
        ("minilm", "image", "encodes the text side"),
        ("scene-resnet-ssl", "text", "encodes the image side"),
        ("no-such", "image", "There is no image encoder"),
        ("/no/such/folder", "image", "There is no image encoder"),
        ("", "text", "There is no text encoder"),
        ("a/b/c", "text", "There is no text encoder"),
        ("\0", "text", "There is no text encoder"),
    ],
)
def test_an_id_that_names_nothing_is_told(encoder: str, side: Side, what: str) -> None:
    with pytest.raises(EncoderError, match=what):
        find_encoder(encoder, side, Settings())


def _gone(name: str) -> Callable[[Path], None]:
    return lambda folder: (folder / name).unlink()


def _written(name: str, content: bytes) -> Callable[[Path], None]:
    def write(folder: Path) -> None:
        (folder / name).write_bytes(content)

    return write


def _pickled(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")


def _cut(folder: Path) -> None:
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-100])


def _shard_missing(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    index = {"weight_map": {"a": "model-00001-of-00002.safetensors"}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))


def _shard_outside(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    index = {"weight_map": {"a": "../model.safetensors"}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))


@pytest.mark.parametrize(
    ("damage", "what"),
    [
        (_gone("config.json"), "config.json: missing"),
        (_written("config.json", b"{"), "config.json: cannot be read"),
        (_written("config.json", b"[]"), "config.json: cannot be read"),
        (_written("config.json", b"{}"), "names no model_type"),
        (_gone("model.safetensors"), "the folder has no weights"),
        (_pickled, "can run code"),
        (_cut, "damaged or cut short"),
        (_written("model.safetensors", b"version https://git-lfs"), "damaged or cut short"),
        (_written("model.safetensors", b""), "damaged or cut short"),
        (_written("model.safetensors", b"\2\0\0\0\0\0\0\0[]"), "damaged or cut short"),
        (_shard_missing, "model-00001-of-00002.safetensors: missing"),
        (_shard_outside, "index.json: cannot be read"),
        (_gone("preprocessor_config.json"), "preprocessor_config.json: missing"),
    ],
)
def test_a_damaged_folder_is_told_with_what_is_wrong(
    tmp_path: Path, damage: Callable[[Path], None], what: str
) -> None:
    folder = tiny.vit(tmp_path / "vit")
    damage(folder)
    with pytest.raises(EncoderError) as caught:
        find_encoder(str(folder), "image", Settings())
    assert what in str(caught.value)


def test_all_faults_of_a_folder_are_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(EncoderError) as caught:
        find_encoder(str(tmp_path), "text", Settings())
    assert [fault.where for fault in caught.value.faults] == [
        "config.json",
        "model.safetensors",
        "tokenizer.json",
    ]


def test_a_model_for_the_other_side_is_told(tmp_path: Path) -> None:
    with pytest.raises(EncoderError, match="model_type bert is an? text encoder"):
        find_encoder(str(tiny.bert(tmp_path / "bert")), "image", Settings())
    with pytest.raises(EncoderError, match="model_type vit is an image encoder"):
        find_encoder(str(tiny.vit(tmp_path / "vit")), "text", Settings())


# --- the Hub, in a process of its own: this one is offline -------------------------------------

FETCH = """
import sys
from backend.catalog.encoders import EncoderSpec, spec_files
from backend.catalog.hub import fetch
from backend.errors import EncoderError
try:
    print(fetch(sys.argv[1], None, endpoint=sys.argv[2]))
    print(spec_files(EncoderSpec(sys.argv[1], "image", "hub", sys.argv[1])).parameters)
except EncoderError as error:
    print(error)
"""


def _fetch(hub_id: str, endpoint: str, cache: Path) -> str:
    environment = {name: value for name, value in os.environ.items() if "proxy" not in name.lower()}
    environment.pop("HF_HUB_OFFLINE", None)
    environment |= {"HF_HOME": str(cache), "HF_HUB_DISABLE_XET": "1"}
    done = subprocess.run(
        [sys.executable, "-c", FETCH, hub_id, endpoint],
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


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[str]:
    """A Hub on loopback with two models: a/vit is safe, a/pickled has pickled weights alone."""
    safe = tiny.vit(tmp_path / "served")
    (safe / "pytorch_model.bin").write_bytes(b"never to be fetched")
    files = {path.name: path.read_bytes() for path in safe.iterdir()}
    models = {"a/vit": files, "a/pickled": {"pytorch_model.bin": b"x"}}
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(models))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def _handler(models: dict[str, dict[str, bytes]]) -> type[BaseHTTPRequestHandler]:
    commit = "0123456789abcdef0123456789abcdef01234567"

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer(body=True)

        def do_HEAD(self) -> None:
            self._answer(body=False)

        def log_message(self, *_: object) -> None: ...

        def _answer(self, *, body: bool) -> None:
            parts = self.path.split("?")[0].strip("/").split("/")
            if parts[0] == "api":
                model = "/".join(parts[2:4])
                listed = [
                    {"rfilename": name, "size": len(data)} for name, data in models[model].items()
                ]
                tree = [
                    {"type": "file", "path": n, "size": len(d), "oid": n}
                    for n, d in models[model].items()
                ]
                told = tree if "tree" in parts else {"id": model, "sha": commit, "siblings": listed}
                content = json.dumps(told).encode()
            else:
                content = models["/".join(parts[:2])][parts[-1]]
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.send_header("Content-Type", "application/json")
            self.send_header("X-Repo-Commit", commit)
            self.send_header("ETag", f'"{hash(content):x}"')
            self.end_headers()
            if body:
                self.wfile.write(content)

    return Handler


def test_a_model_is_fetched_without_its_pickles(hub: str, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    folder, parameters = _fetch("a/vit", hub, cache).split()
    assert sorted(path.name for path in Path(folder).iterdir()) == [
        "config.json",
        "model.safetensors",
        "preprocessor_config.json",
    ]
    assert int(parameters) > 0


def test_a_model_with_pickles_alone_is_refused(hub: str, tmp_path: Path) -> None:
    assert "no weights in the safetensors format" in _fetch("a/pickled", hub, tmp_path / "cache")
