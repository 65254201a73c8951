"""Tables that people open in a spreadsheet."""

from __future__ import annotations


def safe_cell(text: str) -> str:
    """Text that no spreadsheet takes for a formula: names of files and captions come from anybody."""
    return f"'{text}" if text[:1] in "=+-@\t\r" and text else text
