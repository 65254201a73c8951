"""What every way of looking at a run on the page Map offers; :mod:`ui.pages.mapping.modes` lists them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

import gradio as gr

from ui.context import Context


class Mode(ABC):
    """Lays itself out within the column that the page gives it; its methods answer its own events.

    Attributes:
        name: in the field ``view`` that pages and links share (``mode``).
        label: on the button that opens it.
    """

    name: ClassVar[str]
    label: ClassVar[str]

    @abstractmethod
    def __init__(self, context: Context, open_mode: gr.Radio) -> None:
        """Lays out.

        Args:
            open_mode: the page's field; its value is the name of the mode that is open.
        """

    @abstractmethod
    def connect(self) -> None:
        """Wires the events, once all pages are laid out.

        What is not open is not in the document: a mode asks the services for nothing before ``open_mode``
        changes to its name, or the run changes while it has it.
        """
