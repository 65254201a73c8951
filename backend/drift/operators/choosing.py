"""Whether what was chosen can be an operator: told before anything is queued, and nothing is loaded."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Final

from backend.drift.operators.sending import wrong_address
from backend.errors import Fault
from backend.schemas import Side
from backend.schemas.games import OperatorChoice, OperatorKind

#: what each direction can be
KINDS: Final[dict[Side, tuple[OperatorKind, ...]]] = {
    "image": ("retrieval", "renderer", "janus", "diffusers", "endpoint"),
    "text": ("retrieval", "decoder", "janus", "captioner", "endpoint"),
}
WORDS: Final[dict[Side, str]] = {"image": "text to image", "text": "image to text"}
#: those whose prompt is a template for the text
_TEMPLATED: Final = ("janus", "diffusers", "endpoint")


def operator_faults(choice: OperatorChoice, target: Side) -> list[Fault]:
    """What is wrong with a choice; nothing where it can be tried.

    Args:
        target: what is to be made.
    """
    where = WORDS[target]
    if choice.kind not in KINDS[target]:
        allowed = ", ".join(KINDS[target])
        return [Fault(where, f"cannot be {choice.kind}; choose one of {allowed}")]
    faults = []
    if choice.kind == "endpoint":
        wrong = (
            "needs the endpoint's address" if not choice.source else wrong_address(choice.source)
        )
        faults += [Fault(f"{where}: source", wrong)] if wrong else []
    if choice.kind == "diffusers" and find_spec("diffusers") is None:
        told = "is not installed; pip install -r requirements-generators.txt -c constraints.txt"
        faults.append(Fault(f"{where}: diffusers", told))
    templated = target == "image" and choice.kind in _TEMPLATED
    if templated and choice.prompt and "{}" not in choice.prompt:
        told = 'must hold {} where the text goes, such as "a photo of {}"'
        faults.append(Fault(f"{where}: prompt", told))
    if choice.source and "\0" in choice.source:
        faults.append(Fault(f"{where}: source", "is no folder and no name"))
    return faults
