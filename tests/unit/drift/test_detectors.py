"""OWLv2 of a few hundred weights, drawn at random, against transformers' own way of asking it."""

from __future__ import annotations

import json
import string
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file
from transformers import (
    CLIPTokenizer,
    Owlv2Config,
    Owlv2ForObjectDetection,
    Owlv2Processor,
)
from transformers.models.owlv2.image_processing_pil_owlv2 import Owlv2ImageProcessorPil

from backend.drift.detectors import Owlv2, load_owlv2
from backend.errors import Cancelled, EncoderError, InvalidInput

_TOWER: dict[str, Any] = {
    "hidden_size": 24,
    "intermediate_size": 32,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
}
CLASSES = [("dog",), ("cat", "dog", "clock"), ("boat", "zebra"), ("dog", "dog", "cup")]


def parts(seed: int = 0) -> tuple[Any, Any, Any]:
    """A model, an image processor and a tokenizer that spells."""
    torch.manual_seed(seed)
    letters = [*string.ascii_lowercase, *(f"{each}</w>" for each in string.ascii_lowercase)]
    words = {
        each: place
        for place, each in enumerate(["!", "<|startoftext|>", "<|endoftext|>", *letters])
    }
    text = {**_TOWER, "vocab_size": len(words), "max_position_embeddings": 32, "pad_token_id": 0,
            "bos_token_id": 1, "eos_token_id": 2}  # fmt: skip
    vision = {**_TOWER, "image_size": 32, "patch_size": 8}
    config = Owlv2Config(text_config=text, vision_config=vision, projection_dim=24)
    images = Owlv2ImageProcessorPil(size={"height": 32, "width": 32})
    tokenizer = CLIPTokenizer(vocab=words, merges=[], pad_token="!", model_max_length=32)
    return Owlv2ForObjectDetection(config).eval(), images, tokenizer


def pictures() -> list[Image.Image]:
    draw = np.random.default_rng(0)
    sizes = [(40, 60), (64, 30), (33, 33), (90, 20)]
    return [Image.fromarray(draw.integers(0, 255, (*size, 3)).astype(np.uint8)) for size in sizes]


def alone(picture: Image.Image, classes: tuple[str, ...], threshold: float) -> list[tuple]:
    """One picture, as the released code asks and transformers answers."""
    model, images, tokenizer = parts()
    processor = Owlv2Processor(image_processor=images, tokenizer=tokenizer)
    queries = [[f"a photo of a {name}" for name in dict.fromkeys(classes)]]
    inputs = processor(text=queries, images=picture, return_tensors="pt", max_length=32)
    with torch.no_grad():
        seen = model(**inputs)
    told = processor.post_process_grounded_object_detection(
        seen,
        threshold=threshold,
        target_sizes=[(picture.height, picture.width)],
        text_labels=queries,
    )[0]
    boxes = told["boxes"].clamp(min=0)
    limit = torch.tensor([picture.width, picture.height] * 2)
    return list(zip(told["text_labels"], told["scores"], torch.minimum(boxes, limit), strict=True))


def test_a_batch_finds_what_each_picture_alone_shows() -> None:
    asked, seen = [], pictures()
    model, *rest = parts()
    model.register_forward_hook(lambda module, inputs, output: asked.append(len(output.logits)))
    threshold = 0.45
    found = Owlv2(model, *rest, batch_size=3).detect(seen, CLASSES, threshold)
    assert asked == [3, 1]  # the released code asks once a picture
    total = 0
    for each, picture, classes in zip(found, seen, CLASSES, strict=True):
        expected = alone(picture, classes, threshold)
        total += len(expected)
        assert each.asked == set(classes)
        assert [f"a photo of a {mine.name}" for mine in each.detections] == [
            name for name, _, _ in expected
        ]
        for mine, (_, score, box) in zip(each.detections, expected, strict=True):
            assert mine.score == pytest.approx(float(score), abs=1e-5)
            assert mine.box == pytest.approx(box.tolist(), abs=1e-3)
    assert total > 10


def test_boxes_are_within_their_pictures_and_scores_above_the_threshold() -> None:
    for threshold in (0.1, 0.5):
        found = Owlv2(*parts()).detect(pictures(), CLASSES, threshold)
        for each, picture in zip(found, pictures(), strict=True):
            for mine in each.detections:
                left, top, right, bottom = mine.box
                assert 0 <= left <= right <= picture.width
                assert 0 <= top <= bottom <= picture.height
                assert mine.score > threshold


def test_every_picture_needs_classes_and_must_be_one() -> None:
    detector = Owlv2(*parts())
    for classes in ([("dog",)], [("dog",), ()]):
        with pytest.raises(InvalidInput, match="Give each picture its classes"):
            detector.detect(pictures()[:2], classes)
    with pytest.raises(InvalidInput, match="cannot be read as a picture"):
        detector.detect([b"no picture"], [("dog",)])


def test_work_is_told_and_can_be_stopped() -> None:
    told = []

    def report(done: int, total: int, unit: str) -> None:
        told.append((done, total, unit))
        if done:
            raise Cancelled("enough")

    with pytest.raises(Cancelled):
        Owlv2(*parts(), batch_size=2).detect(pictures(), CLASSES, report=report)
    assert told == [(0, 4, "pictures"), (2, 4, "pictures")]


def saved(folder: Path) -> Path:
    model, images, tokenizer = parts()
    model.save_pretrained(folder)
    Owlv2Processor(image_processor=images, tokenizer=tokenizer).save_pretrained(folder)
    return folder


def test_a_folder_is_loaded_on_whatever_device_there_is(tmp_path: Path) -> None:
    # the released code asserts that there is CUDA
    detector = load_owlv2(str(saved(tmp_path / "owl")), "cpu")
    mine = detector.detect(pictures(), CLASSES)
    assert mine == Owlv2(*parts()).detect(pictures(), CLASSES)


def test_what_is_no_owlv2_or_not_whole_is_refused(tmp_path: Path) -> None:
    with pytest.raises(EncoderError, match='no detector "nowhere"'):
        load_owlv2("nowhere", "cpu")
    folder = saved(tmp_path / "owl")
    weights = load_file(folder / "model.safetensors")
    gone = next(name for name in weights if name.startswith("class_head"))
    del weights[gone]
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(EncoderError, match="lacks 1 of the model's weights"):
        load_owlv2(str(folder), "cpu")
    config = json.loads((folder / "config.json").read_text("utf-8"))
    (folder / "config.json").write_text(json.dumps({**config, "model_type": "clip"}), "utf-8")
    with pytest.raises(EncoderError, match="of the kind clip"):
        load_owlv2(str(folder), "cpu")
