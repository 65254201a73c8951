"""A service by its address: OpenAI-compatible where a model's name is given, Hugging Face Inference else.

OpenAI-compatible       ADDRESS/images/generations and ADDRESS/chat/completions, as OpenAI, vLLM,
                        LocalAI and others have it
Hugging Face Inference  ADDRESS is one model's own: {"inputs": ...} goes in, a picture or
                        [{"generated_text": ...}] comes out
"""

from __future__ import annotations

import base64
import binascii
import io
import re
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, Final, TypeVar

from PIL import Image

from backend.drift.operators.base import Product, filled, words
from backend.drift.operators.sending import Answer, Refused, Service
from backend.errors import InvalidInput, OperatorError
from backend.media.pictures import read_picture

SHOWS: Final = "{}"
TELLS: Final = "Describe this image in one sentence."
_LONGEST: Final = 160  # tokens of a description
#: requests that are under way at once
_BATCH: Final = 4
#: what a service may say when it is the content that it refuses, and not the request
_CONTENT: Final = re.compile(
    r"(?i)content[_ ]?(policy|filter)|moderat|safety|nsfw|sensitive|blocked"
)
_ENDS: Final = ("/images/generations", "/chat/completions")

T = TypeVar("T")


class _Endpoint:
    """What both ways share."""

    batch_size = _BATCH

    def __init__(self, service: Service, address: str, model: str, prompt: str) -> None:
        self.prompt = prompt
        self.model = model or address
        self.name = f"endpoint {service.host}"
        self._service = service
        self._named = bool(model)
        self._address = address.rstrip("/")
        for end in _ENDS:
            self._address = self._address.removesuffix(end)
        self._untaken: set[str] = set()  # optional parameters that the service does not know

    def _each(
        self, make: Callable[[Any, int], Product[T]], given: Sequence[Any], seeds: Sequence[int]
    ) -> list[Product[T]]:
        """All inputs, a few at a time. What one alone cannot be made of tells why in its product."""
        with ThreadPoolExecutor(self.batch_size) as pool:
            waiting = [
                pool.submit(partial(self._one, make, *each))
                for each in zip(given, seeds, strict=True)
            ]
            try:
                return [each.result() for each in waiting]
            except BaseException:
                for each in waiting:
                    each.cancel()
                raise

    def _one(self, make: Callable[[Any, int], Product[T]], given: Any, seed: int) -> Product[T]:
        try:
            return make(given, seed)
        except Refused as error:
            if _CONTENT.search(error.told):
                return Product(None, f"the endpoint refused it: {error.told}")
            raise OperatorError(
                f"The endpoint does not take the request ({error.status}: {error.told}). Check its address, "
                "the model's name and what the model can do."
            ) from error

    def _post(self, path: str, body: dict[str, Any], optional: dict[str, Any]) -> Answer:
        """Asks, without the optional parameters that it turns out not to know."""
        while True:
            kept = {name: each for name, each in optional.items() if name not in self._untaken}
            try:
                return self._service.post(self._address + path, {**body, **kept})
            except Refused as error:
                unknown = {name for name in kept if name in error.told}
                if not unknown:
                    raise
                self._untaken |= unknown


class EndpointToImage(_Endpoint):
    """Pictures of texts; see :class:`backend.drift.operators.base.TextToImage`."""

    certain = False

    def __init__(self, service: Service, address: str, model: str = "", prompt: str = "") -> None:
        super().__init__(service, address, model, prompt or SHOWS)

    def generate(self, texts: Sequence[str], seeds: Sequence[int]) -> list[Product[Image.Image]]:
        """A picture of each text; none where the service refuses its content."""
        return self._each(self._made, texts, seeds)

    def _made(self, text: str, seed: int) -> Product[Image.Image]:
        prompt = filled(self.prompt, text)
        if self._named:
            optional = {"response_format": "b64_json", "seed": seed}
            body = {"model": self.model, "prompt": prompt, "n": 1}
            told = self._post("/images/generations", body, optional).json()
            return Product(self._picture(self._bytes(told)))
        answer = self._post("", {"inputs": prompt, "parameters": {"seed": seed}}, {})
        return Product(self._picture(answer.content))

    def _bytes(self, told: Any) -> bytes:
        first = _first(told, "data")
        if isinstance(first, dict) and isinstance(first.get("b64_json"), str):
            try:
                return base64.b64decode(first["b64_json"], validate=True)
            except binascii.Error:
                return b""
        if isinstance(first, dict) and isinstance(first.get("url"), str):
            return self._service.fetch(first["url"]).content
        raise OperatorError(f"{self._service.host} answered no picture. Check the model's name.")

    def _picture(self, content: bytes) -> Image.Image:
        try:
            return read_picture(content)
        except InvalidInput as error:
            raise OperatorError(
                f"{self._service.host} answered no picture ({error.summary}). Check that the model makes "
                "pictures."
            ) from error


class EndpointToText(_Endpoint):
    """Words for pictures; see :class:`backend.drift.operators.base.ImageToText`."""

    def __init__(
        self,
        service: Service,
        address: str,
        model: str = "",
        prompt: str = "",
        temperature: float = 0.0,
    ) -> None:
        super().__init__(service, address, model, prompt or (TELLS if model else ""))
        #: a service may answer otherwise each time, whatever it is told
        self.certain = False
        self._temperature = temperature

    def describe(self, pictures: Sequence[Image.Image], seeds: Sequence[int]) -> list[Product[str]]:
        """Words for each picture; none where the service refuses its content."""
        return self._each(self._told, pictures, seeds)

    def _told(self, picture: Image.Image, seed: int) -> Product[str]:
        coded = base64.b64encode(_png(picture)).decode()
        if not self._named:
            told = self._post("", {"inputs": coded}, {"parameters": {"seed": seed}}).json()
            first = told[0] if isinstance(told, list) and told else told
            return self._words(first.get("generated_text") if isinstance(first, dict) else None)
        content = [
            {"type": "text", "text": self.prompt},
            {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{coded}"}},
        ]
        body = {"model": self.model, "messages": [{"role": "user", "content": content}]}
        optional = {"seed": seed, "temperature": self._temperature, "max_tokens": _LONGEST}
        first = _first(self._post("/chat/completions", body, optional).json(), "choices")
        message = first.get("message") if isinstance(first, dict) else None
        return self._words(message.get("content") if isinstance(message, dict) else None)

    def _words(self, said: Any) -> Product[str]:
        if not isinstance(said, str):
            raise OperatorError(
                f"{self._service.host} answered no text. Check that the model tells pictures."
            )
        return words(said)


def _first(told: Any, name: str) -> Any:
    """The first of a list in a JSON object; None where there is none."""
    found = told.get(name) if isinstance(told, dict) else None
    return found[0] if isinstance(found, list) and found else None


def _png(picture: Image.Image) -> bytes:
    held = io.BytesIO()
    picture.save(held, format="PNG")
    return held.getvalue()
