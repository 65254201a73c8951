"""What fields hold. A browser can send anything."""

from __future__ import annotations

import math
from typing import Any


def whole(value: Any, otherwise: int) -> int:
    """A field's whole number; ``otherwise`` where it is empty or holds no number."""
    if not isinstance(value, int | float) or not math.isfinite(value):
        return otherwise
    return int(value)
