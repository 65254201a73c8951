"""Addresses of encoders and data sets: a name, a path or a Hub id, with options behind a ``?``.

    facebook/dinov2-base?layers=6,12&pooling=cls+mean
    /data/caltech?template=a photo of a {}.
    hf://owner/name?split=train&image=img&caption=text

One line of text says everything, so a run's request can be repeated anywhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar
from urllib.parse import quote, unquote

from backend.errors import Fault, InvalidInput

#: stay readable in an address; all else that is not a letter or digit is written as %XX
_PLAIN = " {}.,:;!/+-_~'()@"

E = TypeVar("E", bound=InvalidInput)


@dataclass(frozen=True)
class Address:
    """What stands before the ``?``, and the options behind it, in order; a name may come again."""

    base: str
    options: tuple[tuple[str, str], ...] = ()

    def get(self, name: str, default: str = "") -> str:
        """The last value of an option."""
        return next((value for key, value in reversed(self.options) if key == name), default)

    def all(self, name: str) -> tuple[str, ...]:
        """Every value of an option, in order."""
        return tuple(value for key, value in self.options if key == name)

    def __str__(self) -> str:
        if not self.options:
            return self.base
        pairs = (f"{quote(key, safe='')}={quote(value, _PLAIN)}" for key, value in self.options)
        return f"{self.base}?{'&'.join(pairs)}"


def parse(text: str) -> Address:
    """Takes an address apart. A path that exists as it stands has no options, whatever its name."""
    given = text.strip()
    base, mark, rest = given.partition("?")
    if not mark or _exists(given):
        return Address(given)
    pairs = []
    for part in rest.split("&"):
        key, _, value = part.partition("=")
        if key:
            pairs.append((unquote(key), unquote(value)))
    return Address(base.strip(), tuple(pairs))


def with_options(base: str, options: Mapping[str, str | Sequence[str]]) -> str:
    """An address; options that are empty are left out."""
    pairs: list[tuple[str, str]] = []
    for key, value in options.items():
        values = [value] if isinstance(value, str) else value
        pairs += [(key, each) for each in values if each.strip()]
    return str(Address(base, tuple(pairs)))


def check_options(address: Address, known: Iterable[str], error: type[E]) -> None:
    """Refuses options that nobody reads: a misspelt one must not be ignored.

    Raises:
        E: an option is not among ``known``; all such are listed.
    """
    allowed = sorted(known)
    faults = [
        Fault(key, f"is not an option here; allowed: {', '.join(allowed) or 'none'}")
        for key, _ in address.options
        if key not in allowed
    ]
    if faults:
        raise error(f"{address} has options that are not known.", faults)


def _exists(text: str) -> bool:
    try:
        return "\0" not in text and Path(text).expanduser().exists()
    except OSError:  # longer than any file name may be
        return False
