"""What a run asks of the machine, told before it starts."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from backend.alignment.heads import HeadConfig, build_head
from backend.alignment.methods import METHODS, resolve_options
from backend.alignment.recipes.trained import heads_for
from backend.catalog.encoders import find_encoder
from backend.errors import InvalidInput
from backend.features.extraction import extract_captions
from backend.features.loading import load_encoder
from backend.features.store import FeatureStore
from backend.schemas import RunRequest
from backend.services import Services, machine
from backend.services.heads import count, head_parameters
from backend.services.machine import Device
from backend.settings import REPOSITORY, Settings
from tests.unit.alignment.pairs_of import IMAGE, TEXT, context, pairs
from tests.unit.features import tiny

GB = 1_000_000_000
REQUEST = RunRequest(
    dataset="scenes-small", image_encoder="scene-resnet-ssl", text_encoder="minilm"
)
GIANT = REQUEST.model_copy(update={"image_encoder": "facebook/dinov2-giant"})


@pytest.fixture
def services() -> Iterator[Services]:
    opened = Services(Settings())
    yield opened
    opened.stop()


@pytest.fixture
def at(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Sets what the machine has."""

    def choose(total: float | None, free: float | None = None, gpu: bool = False) -> None:
        name = "an H100" if gpu else "this machine's processor"
        found = Device(
            gpu, name, int(total * GB) if total else None, int(free * GB) if free else None, 2
        )
        monkeypatch.setattr("backend.services.needs.device", lambda settings: found)

    return choose


def test_a_small_pair_needs_no_words(services: Services, at: Any) -> None:
    at(16, 8)
    needs = services.needs(REQUEST)
    assert needs.fits is True and needs.text == ""
    assert needs.memory_bytes is not None and 0.6 * GB < needs.memory_bytes < 1.2 * GB
    services.check(REQUEST)


def test_a_large_encoder_is_told_with_its_size_and_time(services: Services, at: Any) -> None:
    at(16, 12)
    needs = services.needs(GIANT)
    assert needs.fits is True
    assert needs.text.startswith("DINOv2 giant has 1.1 billion parameters: about 4.6 GB.")
    assert "1,900 images" in needs.text and "hours on this machine's processor" in needs.text
    assert "a GPU with 8 GB needs 1 minute" in needs.text
    # 4 bytes a parameter and little else
    assert needs.memory_bytes is not None and 4.6 * GB < needs.memory_bytes < 5.6 * GB


def test_fewer_training_images_take_less_time(services: Services, at: Any) -> None:
    at(16, 12)
    fewer = GIANT.model_copy(update={"train_images": 100})
    assert "500 images" in services.needs(fewer).text
    assert "700 images" in services.needs(fewer.model_copy(update={"seeds": 3})).text


def test_on_a_gpu_nobody_waits(services: Services, at: Any) -> None:
    at(80, gpu=True)
    needs = services.needs(GIANT)
    assert needs.fits is True and needs.text == "" and needs.device == "an H100"


def test_what_cannot_fit_is_refused_at_its_field(services: Services, at: Any) -> None:
    at(4, 3)
    needs = services.needs(GIANT)
    assert needs.fits is False
    assert "needs about 5.2 GB of memory" in needs.text and "has 4.0 GB" in needs.text
    with pytest.raises(InvalidInput) as caught:
        services.check(GIANT)
    (fault,) = caught.value.faults
    assert fault.where == "image_encoder" and "DINOv2 giant" in fault.what
    both = REQUEST.model_copy(update={"image_candidates": ("facebook/dinov2-giant",)})
    with pytest.raises(InvalidInput) as caught:
        services.check(both)
    assert [fault.where for fault in caught.value.faults] == ["image_candidates"]


def test_little_free_memory_is_said_and_not_refused(services: Services, at: Any) -> None:
    at(16, 5)
    needs = services.needs(GIANT)
    assert needs.fits is True and "Only 5.0 GB are free now: close other programs" in needs.text
    services.check(GIANT)


def test_two_that_fit_alone_and_not_together(services: Services, at: Any) -> None:
    at(6)
    pair = GIANT.model_copy(update={"text_encoder": "intfloat/multilingual-e5-large"})
    needs = services.needs(pair)
    assert needs.fits is True and "more than the 6.0 GB here: encode one side" in needs.text


def test_an_encoder_whose_features_may_be_stored_is_let_pass(
    tmp_path: Path, at: Any, services: Services
) -> None:
    bert = str(tiny.bert(tmp_path / "bert"))
    request = REQUEST.model_copy(update={"text_encoder": bert})
    at(0.1)
    with pytest.raises(InvalidInput) as caught:
        services.check(request)
    where = {fault.where for fault in caught.value.faults}
    assert where == {"image_encoder", "text_encoder", "method"}
    settings = services.settings
    encoder = load_encoder(find_encoder(bert, "text", settings), "cpu")
    extract_captions(encoder, ["a red star"], FeatureStore(settings.features_dir))
    with pytest.raises(InvalidInput) as caught:
        services.check(request)
    assert {fault.where for fault in caught.value.faults} == {"image_encoder", "method"}
    needs = services.needs(request)
    assert needs.fits is False and "features are stored already" in needs.text


def test_what_is_not_known_is_not_claimed(services: Services, at: Any) -> None:
    at(16)
    unknown = services.needs(REQUEST.model_copy(update={"image_encoder": "nobody/unknown"}))
    assert (unknown.memory_bytes, unknown.fits, unknown.text) == (None, None, "")
    wrong = services.needs(REQUEST.model_copy(update={"image_encoder": "", "dataset": "?"}))
    assert wrong.fits is None
    at(None)
    assert services.needs(GIANT).fits is None
    services.check(REQUEST)


def test_the_heads_count_with_their_method_and_options(services: Services, at: Any) -> None:
    at(16)
    plain = services.needs(REQUEST).memory_bytes
    options: dict[str, int | float | str] = {"hidden": 16384, "dimension": 4096}
    wide = REQUEST.model_copy(update={"method": "mlp-infonce", "options": options})
    needs = services.needs(wide)
    assert plain is not None and needs.memory_bytes is not None
    # minilm alone: 384 x 16384 + 16384 x 4096, five copies of four bytes
    assert needs.memory_bytes - plain > 2 * 16384 * 4096 * 20
    assert "Training the heads takes about" in needs.text
    at(2)
    with pytest.raises(InvalidInput) as caught:
        services.check(wide)
    assert [fault.where for fault in caught.value.faults] == ["method"]


@pytest.mark.parametrize(
    ("kind", "settings"),
    [
        ("linear", {}),
        ("mlp", {"hidden": 24}),
        ("star", {"width": 8}),
        ("norm-mlp", {}),
        ("norm-linear", {}),
        ("low-rank", {"rank": 6, "dropout": 0.1, "gate": 0.5}),
        ("projector", {"role": "image", "tokens": True, "hidden": 20, "dropout": 0.1}),
        ("projector", {"role": "text", "tokens": True, "hidden": 20, "dropout": 0.1}),
    ],
)
def test_heads_are_counted_as_they_are_built(kind: str, settings: dict[str, Any]) -> None:
    head = build_head(HeadConfig(kind, 12, 16, settings))
    sizes = {name: value for name, value in settings.items() if name in ("hidden", "width", "rank")}
    counted = count(kind, 12, 16, sizes, text=settings.get("role") == "text")
    assert counted == sum(parameter.numel() for parameter in head.parameters())


class _Built(Exception):
    """The heads that a recipe is about to train."""


def _built(method: str, options: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> int:
    """Numbers in the heads that a trained method's own recipe makes."""
    recipe = import_module(f"backend.alignment.recipes.{METHODS[method].module}")

    def stop(*arguments: Any, **settings: Any) -> None:
        heads = heads_for(*arguments, **settings)
        raise _Built(sum(parameter.numel() for parameter in heads.parameters()))

    monkeypatch.setattr(recipe, "heads_for", stop)
    with pytest.raises(_Built) as caught:
        recipe.fit(method, pairs(20, 0), pairs(10, 1), context(Path("unused"), method, **options))
    return int(caught.value.args[0])


@pytest.mark.parametrize(
    ("method", "head"),
    [
        (method.info.id, head)
        for method in METHODS.values()
        if method.info.trained
        for option in [next((o for o in method.info.options if o.name == "head"), None)]
        for head in (option.choices if option else ("",))
    ],
)
def test_heads_are_counted_as_their_recipes_make_them(
    method: str, head: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    options: dict[str, Any] = {"head": head} if head else {}
    made = _built(method, options, monkeypatch)
    counted = head_parameters(method, resolve_options(method, options), IMAGE, TEXT)
    if method == "freeze-align":  # counted for tokens, which take a second projector
        assert made < counted < 2 * made
    else:
        assert made == counted


def test_methods_without_training_have_heads_of_some_size() -> None:
    for method in METHODS:
        assert head_parameters(method, resolve_options(method, {}), 192, 384) >= 192 + 384


def test_a_star_head_is_told_with_its_steps(services: Services, at: Any) -> None:
    """METHODS.md: 83.9 M parameters for 2048 -> 1024 and width 8."""
    assert count("star", 2048, 1024, {"width": 8}) == pytest.approx(83.9e6, rel=1e-3)
    at(16)
    star = REQUEST.model_copy(update={"method": "sail"})
    small = star.model_copy(update={"options": {"head": "linear"}})
    one, other = services.needs(star).memory_bytes, services.needs(small).memory_bytes
    # (192 + 384) inputs x 8 x 4.5 activations, for each pair of a batch, and the heads themselves
    batch = int(resolve_options("sail", {})["batch"])
    assert one is not None and other is not None
    assert one - other > 576 * 8 * 4.5 * batch * 4


def test_the_machine_is_asked_without_torch() -> None:
    code = (
        "import sys; from backend.services import Services; from backend.settings import Settings;"
        "from backend.schemas import RunRequest; print(Services(Settings(device='cpu')).needs("
        "RunRequest(dataset='scenes', image_encoder='scene-resnet-ssl', text_encoder='minilm')"
        ").fits, 'torch' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=False
    )
    assert done.stdout.split() == ["True", "False"], done.stderr


def test_a_gpu_that_is_not_there_leaves_the_processor(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert not machine.device(Settings(device="cuda")).gpu


def test_a_gpu_is_told_by_its_properties(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stands in for a machine that has two."""
    import torch

    class Properties:
        name = "NVIDIA H100"
        total_memory = 80 * GB

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda number: Properties)
    monkeypatch.setattr(machine, "may_have_gpu", lambda: True)
    for wanted in ("auto", "cuda", "cuda:1"):
        found = machine.device(Settings(device=wanted))
        assert (found.gpu, found.name, found.total) == (True, "NVIDIA H100", 80 * GB)
    for wanted in ("cpu", "cuda:2"):
        assert not machine.device(Settings(device=wanted)).gpu
