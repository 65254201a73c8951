"""The field of New run that picks a method: by family, its line below it, its own options."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import gradio as gr

from backend.errors import InvalidInput
from backend.schemas import MethodInfo
from ui import forms
from ui.components import fields, panel
from ui.context import QUIET
from ui.markup import Html, tag


class MethodField:
    """The method and its options.

    Args:
        methods: in the order in which they are offered within their family; the first is chosen.
    """

    def __init__(self, methods: Sequence[MethodInfo]) -> None:
        self.methods = {method.id: method for method in methods}
        first = methods[0]
        self._picker = forms.field(
            "method", "Method", "choice", wide=True, groups=forms.method_groups(methods)
        )
        self.field = fields(
            forms.form("i-field", [self._picker], {"method": first.id}),
            elem_id="i-method-picker",
        )  # fmt: skip
        self.about = panel(about(first), kind="i-about", elem_id="i-method-about")
        self.options = fields(forms.method_form(first), elem_id="i-method-options")

    def connect(self) -> None:
        """Wires the events, once the form is laid out."""
        self.field.typed(
            self.choose, [self.field, self.options], [self.about, self.options], **QUIET
        )

    def chosen(self, value: Any) -> str:
        """The id that the picker holds."""
        return forms.text(forms.typed(value), "method")

    def choose(self, value: Any, options: Any) -> tuple[Any, Any]:
        """Shows the chosen method's own options; those typed for another are kept for later."""
        info = self.methods.get(self.chosen(value))
        if info is None:
            return "", gr.skip()
        now = options if isinstance(options, dict) else {}
        if now.get("key") == info.id:  # chosen once more: what is being typed must stay
            return about(info), gr.skip()
        drafts = now.get("drafts")
        return about(info), gr.update(value=forms.method_form(info, drafts), faults={})

    def filled(self, method: str, own: Mapping[str, Any], options: Any) -> tuple[Any, Any, Any]:
        """The picker, the options and what is said of the method, as another run had them.

        Args:
            own: options that are not the defaults.
            options: what the component holds now; what was typed for other methods is kept.
        """
        info = self.methods.get(method)
        if info is None:
            raise InvalidInput(f"There is no method {method} here. Choose another one.")
        now = options if isinstance(options, dict) else {}
        drafts = {**(now.get("drafts") or {}), info.id: {name: f"{own[name]}" for name in own}}
        return (
            forms.form("i-field", [self._picker], {"method": info.id}),
            gr.update(value=forms.method_form(info, drafts), faults={}),
            about(info),
        )

    def given(self, value: Any, options: Any) -> tuple[str, forms.Options]:
        """The method and the options of its own that are not the defaults."""
        chosen = self.chosen(value)
        info = self.methods.get(chosen)
        # the options of the method before, where the answer to the choice is still on its way
        own = isinstance(options, dict) and options.get("key") == chosen
        return chosen, forms.options(info, options) if info and own else {}


def about(info: MethodInfo) -> Html:
    """A method in a line, how it is made, what else it can use, and its paper."""
    facts = [forms.FAMILY_WORDS[info.family].lower()]
    if info.uses_unpaired:
        facts.append("also learns from items and captions that are not paired")
    if info.uses_tokens:
        facts.append("does better with every token's features")
    return tag("div", tag("p", info.summary), tag("p", " · ".join(facts)), tag("p", info.paper))
