"""Endpoints by a server on this machine: what they are sent, and what is told when they fail."""

from __future__ import annotations

import base64
import io
import json
import re
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np
import pytest
from PIL import Image

from backend.drift.operators.choosing import operator_faults
from backend.drift.operators.endpoint import EndpointToImage, EndpointToText
from backend.drift.operators.sending import Service, key_of, key_variable, wrong_address
from backend.errors import OperatorError
from backend.schemas import OperatorChoice

Reply = tuple[int, bytes | dict[str, Any] | list[Any], dict[str, str]]


def picture(shade: int = 200) -> Image.Image:
    return Image.fromarray(np.full((6, 5, 3), shade, np.uint8))


def png(shade: int = 200) -> bytes:
    held = io.BytesIO()
    picture(shade).save(held, format="PNG")
    return held.getvalue()


class Server:
    """Answers what a test says and remembers what came."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, dict[str, Any], dict[str, str]]] = []
        self.reply: Callable[[str, dict[str, Any]], Reply] = lambda path, body: (200, {}, {})
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                length = int(self.headers["Content-Length"])
                body = json.loads(self.rfile.read(length))
                self._answer(body)

            def do_GET(self) -> None:
                self._answer({})

            def _answer(self, body: dict[str, Any]) -> None:
                server.asked.append((self.path, body, dict(self.headers)))
                status, content, headers = server.reply(self.path, body)
                told = content if isinstance(content, bytes) else json.dumps(content).encode()
                try:
                    self.send_response(status)
                    for name, value in headers.items():
                        self.send_header(name, value)
                    self.send_header("Content-Length", str(len(told)))
                    self.end_headers()
                    self.wfile.write(told)
                except (BrokenPipeError, ConnectionResetError):
                    pass  # whoever asked has gone

            def log_message(self, *ignored: Any) -> None:
                pass

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._http.daemon_threads = True
        self.address = f"http://127.0.0.1:{self._http.server_address[1]}/v1"
        threading.Thread(target=self._http.serve_forever, args=(0.01,), daemon=True).start()

    def close(self) -> None:
        self._http.shutdown()
        self._http.server_close()


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.delenv("ISTHMUS_KEY_127_0_0_1", raising=False)
    made = Server()
    yield made
    made.close()


def service(server: Server, waits: list[float] | None = None, within_s: float = 20) -> Service:
    kept = [] if waits is None else waits
    return Service(server.address, within_s=within_s, wait=kept.append)


def shows(server: Server, model: str = "m-1", **more: Any) -> EndpointToImage:
    return EndpointToImage(service(server, **more), server.address, model)


def tells(server: Server, model: str = "m-1", **more: Any) -> EndpointToText:
    return EndpointToText(service(server, **more), server.address, model, temperature=0.5)


def _image(path: str, body: dict[str, Any]) -> Reply:
    shade = sum(map(ord, body["prompt"])) % 200
    return 200, {"data": [{"b64_json": base64.b64encode(png(shade)).decode()}]}, {}


def test_pictures_as_openai_has_them(server: Server) -> None:
    server.reply = _image
    operator = EndpointToImage(service(server), server.address + "/", "m-1", "a photo of {}")
    texts = [f"{number} stars" for number in range(7)]
    made = operator.generate(texts, range(7))
    for text, each in zip(texts, made, strict=True):
        shade = sum(map(ord, f"a photo of {text}")) % 200
        assert np.array_equal(np.asarray(each.value), np.asarray(picture(shade)))
    assert {path for path, _, _ in server.asked} == {"/v1/images/generations"}
    sent = {body["prompt"]: body for _, body, _ in server.asked}
    assert sent["a photo of 3 stars"] == {
        "model": "m-1",
        "prompt": "a photo of 3 stars",
        "n": 1,
        "response_format": "b64_json",
        "seed": 3,
    }
    assert all("Authorization" not in headers for _, _, headers in server.asked)


def test_words_as_openai_has_them(server: Server) -> None:
    def reply(path: str, body: dict[str, Any]) -> Reply:
        said = f" a picture,\nseed {body['seed']} "
        return 200, {"choices": [{"message": {"content": said}}]}, {}

    server.reply = reply
    made = tells(server).describe([picture(), picture(9)], [4, 5])
    assert [each.value for each in made] == ["a picture, seed 4", "a picture, seed 5"]
    path, body, _ = next(each for each in server.asked if each[1]["seed"] == 5)
    assert path == "/v1/chat/completions" and body["temperature"] == 0.5
    words, shown = body["messages"][0]["content"]
    assert words == {"type": "text", "text": "Describe this image in one sentence."}
    coded = shown["image_url"]["url"].removeprefix("data:image/png;base64,")
    seen = Image.open(io.BytesIO(base64.b64decode(coded)))
    assert np.array_equal(np.asarray(seen), np.asarray(picture(9)))


def test_hugging_face_inference_both_ways(server: Server) -> None:
    server.reply = lambda path, body: (200, png(7), {"Content-Type": "image/png"})
    (made,) = shows(server, model="").generate(["a star"], [11])
    assert np.array_equal(np.asarray(made.value), np.asarray(picture(7)))
    assert server.asked[0][:2] == ("/v1", {"inputs": "a star", "parameters": {"seed": 11}})
    server.reply = lambda path, body: (200, [{"generated_text": "a grey square"}], {})
    (said,) = tells(server, model="").describe([picture()], [1])
    assert said.value == "a grey square"


def test_what_a_service_does_not_know_is_left_out(server: Server) -> None:
    def reply(path: str, body: dict[str, Any]) -> Reply:
        for name in ("seed", "response_format"):
            if name in body:
                return 400, {"error": {"message": f"Unknown parameter: '{name}'."}}, {}
        return 200, {"data": [{"url": f"{server.address}/made.png"}]}, {}

    def both(path: str, body: dict[str, Any]) -> Reply:
        return (200, png(3), {}) if path.endswith(".png") else reply(path, body)

    server.reply = both
    operator = shows(server)
    operator.batch_size = 1
    made = operator.generate(["a", "b"], [1, 2])
    assert [each.value.getpixel((0, 0)) for each in made] == [(3, 3, 3)] * 2
    posted = [set(body) for path, body, _ in server.asked if not path.endswith(".png")]
    assert posted[-1] == {"model", "prompt", "n"}
    assert len(posted) == 4, "what is not known is not tried again for the next picture"


def test_a_busy_service_is_asked_again(server: Server) -> None:
    answers = iter([(429, {}, {"Retry-After": "7"}), (503, {}, {}), (200, None, {})])

    def reply(path: str, body: dict[str, Any]) -> Reply:
        status, content, headers = next(answers)
        return (status, content, headers) if content is not None else _image(path, body)

    server.reply = reply
    waits: list[float] = []
    (made,) = shows(server, waits=waits).generate(["a"], [1])
    assert made.value is not None
    assert waits == [7.0, 14.0]


def test_a_service_that_stays_busy_is_given_up_in_words(server: Server) -> None:
    server.reply = lambda path, body: (503, {"error": "loading the model"}, {})
    waits: list[float] = []
    with pytest.raises(OperatorError, match="answered 503 .loading the model., 4 times.*Resume"):
        shows(server, waits=waits).generate(["a"], [1])
    assert waits == [1.0, 2.0, 4.0]


def test_a_slow_service_is_given_up(server: Server) -> None:
    def reply(path: str, body: dict[str, Any]) -> Reply:
        time.sleep(1.5)
        return 200, {}, {}

    server.reply = reply
    with pytest.raises(OperatorError, match="did not answer within 0.2 seconds, 4 times"):
        shows(server, within_s=0.2).generate(["a"], [1])


def test_nobody_there_is_told(server: Server) -> None:
    operator = shows(server)
    server.close()
    with pytest.raises(OperatorError, match="cannot be reached"):
        operator.generate(["a"], [1])
    server.close = lambda: None  # type: ignore[method-assign]


@pytest.mark.parametrize(
    ("reply", "told"),
    [
        ((401, {"error": {"message": "no key"}}, {}), "no key.*ISTHMUS_KEY_127_0_0_1"),
        ((404, {"detail": "no such model"}, {}), "no such model.*model's name"),
        ((302, b"", {"Location": "http://localhost:1/"}), "has moved"),
        (
            (400, {"error": "prompt too long"}, {}),
            "does not take the request .400: prompt too long",
        ),
        ((200, b"<html>", {}), "no JSON"),
        ((200, {"data": []}, {}), "answered no picture"),
        ((200, [1], {}), "answered no picture"),
        ((200, {"data": [{"b64_json": "bm8gcGljdHVyZQ=="}]}, {}), "answered no picture"),
        ((200, {"data": [{"url": "file:///etc/passwd"}]}, {}), "no address"),
    ],
)
def test_what_goes_wrong_is_said_in_words(server: Server, reply: Reply, told: str) -> None:
    server.reply = lambda path, body: reply
    with pytest.raises(OperatorError, match=told):
        shows(server).generate(["a"], [1])


@pytest.mark.parametrize(
    "answer", [{}, {"choices": [{}]}, {"choices": [{"message": {"content": 3}}]}]
)
def test_an_answer_without_words_is_told(server: Server, answer: dict[str, Any]) -> None:
    server.reply = lambda path, body: (200, answer, {})
    with pytest.raises(OperatorError, match="answered no text"):
        tells(server).describe([picture()], [1])


def test_refused_content_ends_its_own_chain_alone(server: Server) -> None:
    def reply(path: str, body: dict[str, Any]) -> Reply:
        if body["prompt"] == "bad":
            return (
                400,
                {
                    "error": {
                        "code": "content_policy_violation",
                        "message": "Rejected by moderation",
                    }
                },
                {},
            )
        return _image(path, body)

    server.reply = reply
    good, bad = shows(server).generate(["good", "bad"], [1, 2])
    assert good.value is not None
    assert bad.value is None and "moderation" in bad.note


def test_too_large_an_answer_is_not_taken(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    from backend.drift.operators import sending

    monkeypatch.setattr(sending, "_MOST_BYTES", 1000)
    server.reply = lambda path, body: (200, b"x" * 5000, {})
    with pytest.raises(OperatorError, match="more than 1,000 bytes"):
        shows(server).generate(["a"], [1])


def test_a_key_comes_from_the_hosts_own_variable(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ISTHMUS_KEY_127_0_0_1", "s3cret")
    monkeypatch.setenv("ISTHMUS_KEY_EXAMPLE_ORG", "other")
    server.reply = lambda path, body: (
        (200, png(), {})
        if path.endswith(".png")
        else (200, {"data": [{"url": f"{server.address}/a.png"}]}, {})
    )
    operator = shows(server)
    operator.generate(["a"], [1])
    sent = {path: headers.get("Authorization") for path, _, headers in server.asked}
    assert sent == {"/v1/images/generations": "Bearer s3cret", "/v1/a.png": None}
    told = " ".join(map(str, [operator.name, operator.model, operator.prompt, vars(operator)]))
    assert "s3cret" not in told
    server.reply = lambda path, body: (401, {"error": "wrong key"}, {})
    with pytest.raises(OperatorError) as error:
        operator.generate(["a"], [1])
    assert "s3cret" not in str(error.value)


def test_keys_go_to_their_host_alone_and_never_in_the_clear(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("OPENAI_API_KEY", "HF_TOKEN", "ISTHMUS_KEY_EXAMPLE_ORG"):
        monkeypatch.setenv(name, f"key of {name}")
    assert key_of("https://api.openai.com/v1") == "key of OPENAI_API_KEY"
    assert key_of("https://router.huggingface.co/v1") == "key of HF_TOKEN"
    assert key_of("https://example.org/v1") == "key of ISTHMUS_KEY_EXAMPLE_ORG"
    for stranger in (
        "https://api.openai.com.evil.org",
        "https://evil-huggingface.co",
        "http://127.0.0.1:9",
    ):
        assert key_of(stranger) == ""
    assert key_variable("https://my-host.example.org:8443/v1") == "ISTHMUS_KEY_MY_HOST_EXAMPLE_ORG"
    with pytest.raises(OperatorError, match="over http for all to read"):
        key_of("http://example.org/v1")


@pytest.mark.parametrize(
    ("address", "told"),
    [
        ("", "needs the endpoint's address"),
        ("example.org/v1", "must begin with https"),
        ("ftp://example.org", "must begin with https"),
        ("https://", "must begin with https"),
        ("https://a b.org", "must begin with https"),
        ("https://[::1", "no address"),
        ("https://me:pw@example.org", "must hold no key.*ISTHMUS_KEY_EXAMPLE_ORG"),
        ("https://example.org/v1?api_key=3", "must hold no key"),
    ],
)
def test_addresses_that_cannot_be(address: str, told: str) -> None:
    (fault,) = operator_faults(OperatorChoice(kind="endpoint", source=address), "image")
    assert re.search(told, str(fault))


def test_addresses_that_can_be() -> None:
    for address in (
        "https://example.org/v1?api-version=2",
        "http://localhost:8000",
        "https://[::1]:5/v1",
    ):
        assert wrong_address(address) == ""
