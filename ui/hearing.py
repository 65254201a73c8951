"""What the pages hear of the fields that they share: only once they were opened.

A page that nobody has opened would ask the server for what nobody sees, at every change, before the open one
is answered. So the listeners of each page hear a copy of the field that the browser changes ("rings") only
while that page is in the document, and once when it is opened. Gradio keeps a page in the document from its
first opening on: one that was left goes on hearing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

import gradio as gr
from gradio.block_function import BlockFunction

from ui.context import QUIET

#: in the browser, of a field and its copy: the copy changes while the page is open
_WHILE_OPEN: Final = "(value, bell) => isthmus.isOpen('{}') ? isthmus.ring(value) : bell"
#: of fields and their copies: those change that have missed something
_OPENED: Final = "(...given) => isthmus.caughtUp(given)"


class _Ear(NamedTuple):
    """Listeners of a page to a field, and the copy that they hear."""

    page: str
    field: gr.Textbox
    listeners: list[BlockFunction]
    bell: gr.Textbox


def hear_while_open(
    wired: Mapping[str, Sequence[BlockFunction]],
    tabs: Mapping[str, gr.Tab],
    fields: Sequence[gr.Textbox],
) -> None:
    """Has listeners to some fields hear of them while their page is open. Within the app's Blocks.

    Those that look by themselves whether what they are for is in the document (they have a ``js``) load
    when it is opened, and need not hear of what changed before; all others do, as soon as it is open.

    Args:
        wired: what each page has wired, by its name in the address; other events than the fields'
            changes are left as they are.
        tabs: the pages' tabs, by the same names.
        fields: that pages share.
    """
    ears: list[_Ear] = []
    with gr.Column(elem_classes="i-shared"):
        for page, events in wired.items():
            for field in fields:
                heard = [each for each in events if each.fn and _change(field) in each.targets]
                for looks in (True, False):
                    group = [each for each in heard if bool(each.js) is looks]
                    if group:
                        bell = gr.Textbox("", visible="hidden", label="bell")
                        ears.append(_Ear(page, field, group, bell))
    for ear in ears:
        rings = _WHILE_OPEN.format(ear.page)
        ear.field.change(None, [ear.field, ear.bell], ear.bell, js=rings, **QUIET)
        for each in ear.listeners:
            heard_now = (ear.bell._id, "change")
            each.targets = [
                heard_now if target == _change(ear.field) else target for target in each.targets
            ]
    for page, tab in tabs.items():
        late = [ear for ear in ears if ear.page == page and not ear.listeners[0].js]
        if late:
            bells = [ear.bell for ear in late]
            given = [*(ear.field for ear in late), *bells]
            tab.select(None, given, bells, js=_OPENED, **QUIET)


def _change(field: gr.Textbox) -> tuple[int, str]:
    return field._id, "change"
