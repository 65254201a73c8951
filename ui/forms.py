"""Forms as data: what ``assets/fields.js`` draws as native inputs, and what was typed into them.

A method's options differ in number and kind. As components of Gradio, those of all methods would have to be
on the page from the start; here they are one component whose value describes the fields.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

from backend.schemas import MethodFamily, MethodInfo, MethodOption

#: above each group of methods
FAMILY_WORDS: Final[dict[MethodFamily, str]] = {
    "trained": "Trained step by step",
    "closed form": "Closed form: solved in one go",
    "unpaired": "Without pairs",
}
#: options that most people leave alone, folded away where a method has many
_RARE: Final = frozenset(
    {
        "least_steps", "weight_decay", "optimizer", "warmup", "noise", "validate_every",
        "patience", "precision",
    }
)  # fmt: skip
#: a method with more options than this shows so many of them at once
_SHOWN: Final = 6
_LONGEST: Final = 120

Choices = Sequence[tuple[str, str]]
Options = dict[str, int | float | str]


def field(
    name: str,
    label: str,
    kind: str,
    *,
    help: str = "",
    hint: str = "",
    wide: bool = False,
    more: bool = False,
    minimum: float | None = None,
    maximum: float | None = None,
    groups: Sequence[Mapping[str, Any]] = (),
) -> dict[str, Any]:
    """One field. ``kind`` is int, float, text, choice or checks; the last two need ``groups``."""
    return {
        "name": name, "label": label, "kind": kind, "help": help, "hint": hint, "wide": wide,
        "more": more, "minimum": minimum, "maximum": maximum, "groups": list(groups),
    }  # fmt: skip


def group(label: str, choices: Choices, about: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Choices (label, value) under a heading; ``about`` says a line on some of the values."""
    told = about or {}
    return {
        "label": label,
        "choices": [
            {"label": shown, "value": value, "about": told.get(value, "")}
            for shown, value in choices
        ],
    }


def form(
    prefix: str,
    fields: Sequence[dict[str, Any]],
    values: Mapping[str, Any],
    key: str = "",
    drafts: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """The value of the component.

    Args:
        prefix: how the ids of the inputs begin; the key and the field's name follow.
        fields: what there is to fill in.
        values: what stands in them.
        key: tells one set of fields from another that takes its place.
        drafts: what was typed under other keys.
    """
    return {
        "prefix": prefix, "key": key, "fields": list(fields), "values": dict(values),
        "drafts": dict(drafts or {}),
    }  # fmt: skip


def typed(value: Any) -> dict[str, Any]:
    """What stands in the fields, as the browser sent it: never trusted to be what was asked for."""
    values = value.get("values") if isinstance(value, Mapping) else None
    return dict(values) if isinstance(values, Mapping) else {}


def text(values: Mapping[str, Any], name: str) -> str:
    """One field's text."""
    given = values.get(name)
    return "" if given is None or isinstance(given, list | dict) else str(given).strip()[:_LONGEST]


def chosen(values: Mapping[str, Any], name: str, allowed: Collection[str]) -> list[str]:
    """What is ticked, in the order of ``allowed``; anything else that was sent is left out."""
    given = values.get(name)
    ticked = {str(each) for each in given} if isinstance(given, list) else set()
    return [each for each in allowed if each in ticked]


# --- methods ------------------------------------------------------------------------------------


def method_groups(methods: Sequence[MethodInfo], told: bool = False) -> list[dict[str, Any]]:
    """The methods by family; with ``told``, each with its line on when to use it."""
    groups = []
    for family, label in FAMILY_WORDS.items():
        own = [method for method in methods if method.family == family]
        about = {method.id: method.summary for method in own} if told else None
        if own:
            groups.append(group(label, [(method.name, method.id) for method in own], about))
    return groups


def method_form(info: MethodInfo, drafts: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The options of one method; what was typed into them before is still there.

    Args:
        info: the method.
        drafts: by method, as the component holds them.
    """
    kept = {}
    for method, values in (drafts or {}).items():
        if isinstance(values, Mapping):
            kept[str(method)[:_LONGEST]] = {str(name): text(values, name) for name in values}
    defaults = {option.name: _shown(option.default) for option in info.options}
    known = {name: said for name, said in kept.get(info.id, {}).items() if name in defaults}
    return form("i-option", _option_fields(info), defaults | known, info.id, kept)


def _option_fields(info: MethodInfo) -> list[dict[str, Any]]:
    many = len(info.options) > _SHOWN
    usual = [option.name for option in info.options if option.name not in _RARE][:_SHOWN]
    return [_option(option, many and option.name not in usual) for option in info.options]


def _option(option: MethodOption, more: bool) -> dict[str, Any]:
    groups = [group("", [(word, word) for word in option.choices])] if option.choices else []
    return field(
        option.name, option.label, option.kind, help=option.help, hint=_shown(option.default),
        more=more, minimum=option.minimum, maximum=option.maximum, groups=groups,
    )  # fmt: skip


def _shown(value: int | float | str) -> str:
    return value if isinstance(value, str) else f"{value:.10g}"


def options(info: MethodInfo, value: Any) -> Options:
    """The options that were set to something else than their default.

    What is no number is passed on as it was typed: the check of the whole request tells of it.
    """
    values = typed(value)
    found: Options = {}
    for option in info.options:
        said = text(values, option.name)
        if said and said != _shown(option.default):
            found[option.name] = _read(option, said)
    return found


def _read(option: MethodOption, said: str) -> int | float | str:
    if option.kind == "choice":
        return said
    try:
        number = float(said)
    except ValueError:
        return said
    return int(number) if option.kind == "int" and number.is_integer() else number
