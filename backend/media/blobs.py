"""Where an item's bytes are: a file, or a part of one (a member of a tar archive)."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO


@dataclass(frozen=True, slots=True)
class Blob:
    """Bytes on disk.

    Attributes:
        path: the file.
        offset: first byte.
        size: number of bytes; None for all up to the file's end.
    """

    path: Path
    offset: int = 0
    size: int | None = None

    @property
    def whole(self) -> bool:
        """Whether it is the file itself."""
        return self.offset == 0 and self.size is None

    def read(self) -> bytes:
        """The bytes.

        Raises:
            OSError: the file cannot be read, or ends too early.
        """
        with self.path.open("rb") as file:
            file.seek(self.offset)
            data = file.read() if self.size is None else file.read(self.size)
        if self.size is not None and len(data) != self.size:
            raise OSError(f"{self.path} ends before byte {self.offset + self.size}")
        return data

    def open(self) -> BinaryIO:
        """The bytes as an open file."""
        return self.path.open("rb") if self.whole else io.BytesIO(self.read())

    def __str__(self) -> str:
        return str(self.path) if self.whole else f"{self.path}:{self.offset}+{self.size}"
