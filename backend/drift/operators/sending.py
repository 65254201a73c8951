"""Asks a service: with a time limit, a few tries, and errors in words.

A key is read from an environment variable that is named after the service's host, when it is needed. It is
never stored, told or sent elsewhere: not over plain http except to this machine, and no redirect is
followed.
"""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from ipaddress import ip_address
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

from backend.errors import OperatorError

#: a service may take so long to make a picture
ANSWER_WITHIN_S: Final = 180.0
_CONNECT_WITHIN_S: Final = 10.0
TRIES: Final = 4
_FIRST_WAIT_S: Final = 1.0
_LONGEST_WAIT_S: Final = 30.0
_MOST_BYTES: Final = 64 * 1024 * 1024
_AGAIN: Final = frozenset({408, 409, 425, 429, 500, 502, 503, 504})
_KEY: Final = "ISTHMUS_KEY_"
_SECRETS: Final = re.compile(r"(?i)key|token|secret|sig|password")


class Refused(Exception):
    """A service refused what it was sent; the status and its own words."""

    def __init__(self, status: int, told: str) -> None:
        super().__init__(told)
        self.status, self.told = status, told


@dataclass(frozen=True)
class Answer:
    """What came back."""

    content: bytes
    kind: str

    def json(self) -> Any:
        """Its JSON.

        Raises:
            OperatorError: it is none.
        """
        try:
            return json.loads(self.content)
        except (ValueError, RecursionError) as error:
            raise OperatorError(
                f"The endpoint answered something that is no JSON ({self.kind or 'of no kind'}). Check its "
                "address."
            ) from error


def wrong_address(address: str) -> str:
    """Why an address cannot be an endpoint's; empty where it can."""
    try:
        parts = urlsplit(address)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return "is no address; give one such as https://api.example.org/v1"
    if parts.scheme not in ("http", "https") or not host or re.search(r"\s", address):
        return "must begin with https:// (or http:// on this machine) and name a host"
    if (
        parts.username
        or parts.password
        or any(_SECRETS.search(name) for name, _ in parse_qsl(parts.query))
    ):
        return f"must hold no key: it is stored. Set the variable {key_variable(address)} instead"
    return ""


def key_variable(address: str) -> str:
    """The environment variable that an endpoint's key is read from."""
    host = urlsplit(address).hostname or ""
    return _KEY + re.sub(r"[^A-Za-z0-9]", "_", host).upper()


def key_of(address: str) -> str:
    """The key of an endpoint; empty where there is none.

    api.openai.com has OPENAI_API_KEY, and Hugging Face's hosts HF_TOKEN, where their own is not set.

    Raises:
        OperatorError: it would be sent in the clear.
    """
    host = (urlsplit(address).hostname or "").lower()
    names = [key_variable(address)]
    if host == "api.openai.com":
        names.append("OPENAI_API_KEY")
    if host == "huggingface.co" or host.endswith((".huggingface.co", ".huggingface.cloud")):
        names.append("HF_TOKEN")
    key = next((os.environ[name] for name in names if os.environ.get(name)), "")
    if key and urlsplit(address).scheme != "https" and not _is_here(host):
        raise OperatorError(
            f"{host} has a key ({names[0]}), which would go over http for all to read. Give an https:// "
            "address."
        )
    return key


def _is_here(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


class Service:
    """Sends requests to one endpoint.

    Args:
        address: with :func:`wrong_address` empty.
        within_s: seconds that an answer may take.
        tries: how often it is asked before it is given up.
        wait: waits so many seconds.
    """

    def __init__(
        self,
        address: str,
        within_s: float = ANSWER_WITHIN_S,
        tries: int = TRIES,
        wait: Callable[[float], object] = time.sleep,
    ) -> None:
        self.host = urlsplit(address).hostname or ""
        self._address = address
        self._within_s, self._tries, self._wait = within_s, tries, wait

    @cached_property
    def _client(self) -> Any:
        """Of httpx; it may be used by several threads, and follows no redirect."""
        import httpx

        limits = httpx.Timeout(self._within_s, connect=min(_CONNECT_WITHIN_S, self._within_s))
        return httpx.Client(timeout=limits, follow_redirects=False)

    def post(
        self, address: str, body: Mapping[str, Any] | bytes, kind: str = "application/json"
    ) -> Answer:
        """What the endpoint answers.

        Raises:
            Refused: it does not take what it was sent (status 400, 413 or 422).
            OperatorError: it cannot be reached, knows no such model or key, or is too slow or busy.
        """
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        headers = {"Content-Type": kind, "Accept": "application/json, image/*"}
        return self._send("POST", address, content, headers, key_of(address))

    def fetch(self, address: str) -> Answer:
        """What lies at an address that the endpoint named; no key is sent there."""
        if wrong_address(address):
            raise OperatorError(f"{self.host} names a picture's place that is no address.")
        return self._send("GET", address, b"", {}, "")

    def _send(
        self, method: str, address: str, content: bytes, headers: dict[str, str], key: str
    ) -> Answer:
        import httpx

        if key:
            headers = {**headers, "Authorization": f"Bearer {key}"}
        told, pause = "", _FIRST_WAIT_S
        for attempt in range(self._tries):
            if attempt:
                self._wait(min(pause, _LONGEST_WAIT_S))
                pause *= 2
            try:
                asking = self._client.stream(method, address, content=content, headers=headers)
                with asking as response:
                    answer = self._read(response)
                    status, again = response.status_code, response.headers.get("Retry-After", "")
            except httpx.TimeoutException:
                told = f"did not answer within {self._within_s:g} seconds"
                continue
            except (httpx.TransportError, httpx.InvalidURL) as error:
                told = f"cannot be reached ({str(error)[:120] or type(error).__name__})"
                continue
            if status < 300:
                return answer
            told = f"answered {status} ({_said(answer)})"
            if status not in _AGAIN:
                raise self._refusal(status, answer, told)
            if again.isdecimal():
                pause = float(again)
        raise OperatorError(
            f"{self.host} {told}, {self._tries} times. Check that it is running, then press Resume: what was "
            "made is kept."
        )

    def _read(self, response: Any) -> Answer:
        pieces, size = [], 0
        for piece in response.iter_bytes():
            size += len(piece)
            if size > _MOST_BYTES:
                raise OperatorError(f"{self.host} answered more than {_MOST_BYTES:,} bytes.")
            pieces.append(piece)
        return Answer(b"".join(pieces), response.headers.get("Content-Type", ""))

    def _refusal(self, status: int, answer: Answer, told: str) -> Exception:
        if status in (400, 413, 422):
            return Refused(status, _said(answer))
        if status in (401, 403):
            variable = key_variable(self._address)
            return OperatorError(
                f"{self.host} {told}. Set its key in the environment variable {variable} and start again."
            )
        if 300 <= status < 400:
            return OperatorError(f"{self.host} {told}: it has moved. Give the address it has now.")
        return OperatorError(f"{self.host} {told}. Check the address and the model's name.")


def _said(answer: Answer) -> str:
    """An error in the service's own words, shortened."""
    try:
        told = json.loads(answer.content)
    except (ValueError, RecursionError):
        told = None
    if isinstance(told, dict):
        told = told.get("error", told.get("message", told.get("detail", told)))
    if isinstance(told, dict):
        told = told.get("message", told)
    text = answer.content.decode("utf-8", "replace") if told is None else str(told)
    return " ".join(text.split())[:200] or "nothing"
