"""Addresses as the forms write and read them: a base, and options behind a ``?``.

The catalogue owns the grammar; a test holds this small copy against it, because pages may not enter there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from urllib.parse import quote, unquote

#: how addresses of data sets of the Hugging Face Hub begin
HUB = "hf://"

_PLAIN = " {}.,:;!/+-_~'()@"


def compose(base: str, options: Mapping[str, str | Sequence[str]]) -> str:
    """An address; options that are empty are left out."""
    pairs = []
    for key, given in options.items():
        for value in [given] if isinstance(given, str) else given:
            if value.strip():
                pairs.append(f"{quote(key, safe='')}={quote(value.strip(), _PLAIN)}")
    return f"{base.strip()}?{'&'.join(pairs)}" if pairs else base.strip()


def take_apart(address: str) -> tuple[str, dict[str, list[str]]]:
    """The base and every option with its values, in order."""
    base, mark, rest = address.strip().partition("?")
    options: dict[str, list[str]] = {}
    for part in rest.split("&") if mark else ():
        key, _, value = part.partition("=")
        if key:
            options.setdefault(unquote(key), []).append(unquote(value))
    return base.strip(), options


def changed(address: str, options: Mapping[str, str]) -> str:
    """The same address with some options set anew; an empty value takes one out."""
    base, known = take_apart(address)
    kept: dict[str, str | Sequence[str]] = {
        key: values for key, values in known.items() if key not in options
    }
    return compose(base, {**kept, **options})
