"""Models of transformers and diffusers, tiny and random: asked in batches as they are asked by themselves."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file
from transformers import GenerationMixin

from backend.drift.operators.captioner import load_captioner
from backend.drift.operators.diffusion import load_diffusion
from backend.drift.operators.drawing import Drawn
from backend.drift.operators.janus import JanusToImage, JanusToText, load_janus
from backend.errors import EncoderError, OperatorError
from tests.unit.drift.operators import tiny

TEXTS = ["a red circle", "a small blue star left of the circle", "the image"]


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("models")
    made = {"janus": tiny.janus, "blip": tiny.blip, "git": tiny.git, "florence": tiny.florence}
    return {name: make(root / name) for name, make in made.items()}


def same(one: Image.Image, two: Image.Image) -> bool:
    return np.array_equal(np.asarray(one), np.asarray(two))


def test_what_is_drawn_is_drawn_from_the_softmax_by_each_rows_seed() -> None:
    logits = torch.tensor([[0.0, 1.0, 2.0, -torch.inf]])
    counts = np.zeros(4)
    for seed in range(3000):
        counts[int(Drawn([seed], 2.0)(None, logits.clone()).argmax())] += 1
    expected = torch.softmax(logits[0] / 2.0, dim=0).numpy()
    assert counts[3] == 0
    np.testing.assert_allclose(counts / 3000, expected, atol=4 * 0.5 / 3000**0.5)
    both = Drawn([5, 6], 2.0)(None, logits.repeat(2, 1))
    for row, seed in enumerate((5, 6)):
        assert torch.equal(both[row], Drawn([seed], 2.0)(None, logits)[0])


def test_no_shared_generator_is_touched(folders: dict[str, Path]) -> None:
    torch.manual_seed(11)
    before = torch.get_rng_state()
    janus = load_janus(str(folders["janus"]), "cpu")
    JanusToImage(janus).generate(TEXTS[:1], [1])
    JanusToText(janus, temperature=1.0).describe(tiny.pictures(1), [1])
    load_captioner(str(folders["blip"]), temperature=1.0, device="cpu").describe(
        tiny.pictures(1), [1]
    )
    assert torch.equal(torch.get_rng_state(), before)


def test_janus_makes_pictures_by_their_seeds(folders: dict[str, Path]) -> None:
    operator = JanusToImage(load_janus(str(folders["janus"]), "cpu"))
    one = operator.generate([TEXTS[0]] * 3, [1, 2, 1])
    assert all(each.value.size == (16, 16) and each.value.mode == "RGB" for each in one)
    assert same(one[0].value, one[2].value) and not same(one[0].value, one[1].value)
    again = operator.generate([TEXTS[0]] * 3, [1, 2, 1])
    assert all(same(a.value, b.value) for a, b in zip(one, again, strict=True))
    assert operator.prompt == "{}" and not operator.certain


def test_janus_is_guided_as_released(folders: dict[str, Path]) -> None:
    """Its own generate() with guidance 5 and the likeliest token is ours where nothing is drawn."""
    janus = load_janus(str(folders["janus"]), "cpu")
    operator = JanusToImage(janus, temperature=1e-6)  # so cold that noise decides nothing
    made = operator.generate(TEXTS[:2], [1, 2])
    inputs = janus.inputs(TEXTS[:2], "image")
    with torch.inference_mode():
        tokens = janus.model.generate(
            **inputs, generation_mode="image", do_sample=False, num_beams=1, guidance_scale=5.0
        )
        decoded = janus.model.decode_image_tokens(tokens)
    images = janus.processor.image_processor
    mean, std = torch.tensor(images.image_mean), torch.tensor(images.image_std)
    for mine, values in zip(made, decoded, strict=True):
        expected = ((values * std + mean) * 255).clamp(0, 255).numpy()
        assert np.abs(np.asarray(mine.value) - expected).max() < 1.01


@pytest.mark.parametrize("template", [True, False])
def test_janus_tells_pictures(tmp_path: Path, template: bool) -> None:
    janus = load_janus(str(tiny.janus(tmp_path / "janus", template)), "cpu")
    pictures, seeds = tiny.pictures(5), [1, 2, 3, 4, 1]
    drawn = JanusToText(janus, "describe the image", 1.0).describe(pictures, seeds)
    assert all(each.value for each in drawn)
    assert len({each.value for each in drawn}) > 2
    # as transformers takes them, one by one
    operator = JanusToText(janus, "describe the image", 1.0)
    for at in (1, 4):
        assert operator.describe([pictures[at]], [seeds[at]])[0] == drawn[at]


def test_janus_is_asked_as_a_conversation_with_its_picture(folders: dict[str, Path]) -> None:
    janus = load_janus(str(folders["janus"]), "cpu")
    inputs = janus.inputs(["the image"] * 2, "text", tiny.pictures(2))
    assert (inputs["input_ids"] == janus.model.config.image_token_id).sum(dim=1).tolist() == [
        16,
        16,
    ]
    with torch.inference_mode():
        alone = GenerationMixin.generate(
            janus.model,
            **inputs,
            do_sample=False,
            num_beams=1,
            guidance_scale=None,
            max_new_tokens=96,
        )
    words = janus.processor.batch_decode(
        alone[:, inputs["input_ids"].shape[1] :], skip_special_tokens=True
    )
    mine = JanusToText(janus, "the image").describe(tiny.pictures(2), [0, 0])
    assert [each.value or "" for each in mine] == [" ".join(each.split()) for each in words]


@pytest.mark.parametrize("name", ["blip", "git", "florence"])
def test_captioners_tell_what_they_tell_one_by_one(folders: dict[str, Path], name: str) -> None:
    pictures = tiny.pictures(10)
    seeds = list(range(10))
    operator = load_captioner(str(folders[name]), temperature=1.0, device="cpu")
    together = operator.describe(pictures, seeds)
    assert sum(each.value is not None for each in together) > 5
    assert len({each.value for each in together}) > 5
    for at in (0, 4, 9):
        assert operator.describe([pictures[at]], [seeds[at]])[0] == together[at]
    for each in together:
        assert each.value is None or set(each.value.split()) <= {*tiny.WORDS, "[UNK]", "[MASK]"}
    likeliest = load_captioner(str(folders[name]), device="cpu")
    assert likeliest.certain and not operator.certain
    assert likeliest.describe(pictures, seeds) == likeliest.describe(pictures, seeds[::-1])


@pytest.mark.parametrize("name", ["blip", "git"])
def test_a_captioner_goes_on_with_its_prompt(folders: dict[str, Path], name: str) -> None:
    operator = load_captioner(str(folders[name]), "a red star", 1.0, "cpu")
    for each in operator.describe(tiny.pictures(4), range(4)):
        assert each.value.startswith("a red star")


def test_florence_is_told_its_task(folders: dict[str, Path]) -> None:
    assert load_captioner(str(folders["florence"]), device="cpu").prompt == "<DETAILED_CAPTION>"


def test_other_or_broken_models_are_refused(folders: dict[str, Path], tmp_path: Path) -> None:
    with pytest.raises(EncoderError, match="kind blip, not janus"):
        load_janus(str(folders["blip"]), "cpu")
    with pytest.raises(EncoderError, match="kind janus. Give a model of Florence-2, BLIP, GIT"):
        load_captioner(str(folders["janus"]), device="cpu")
    with pytest.raises(EncoderError, match='no model "nowhere"'):
        load_janus("nowhere", "cpu")
    folder = tiny.blip(tmp_path / "blip")
    weights = load_file(folder / "model.safetensors")
    gone = next(name for name in weights if "vision_model" in name)
    del weights[gone]
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(EncoderError, match="lacks 1 of the model's weights"):
        load_captioner(str(folder), device="cpu")


def _pipeline(folder: Path) -> Any:
    diffusers = pytest.importorskip("diffusers", reason="diffusers is an optional extra")
    from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

    torch.manual_seed(4)
    letters = [
        *"abcdefghijklmnopqrstuvwxyz",
        *(f"{each}</w>" for each in "abcdefghijklmnopqrstuvwxyz"),
    ]
    names = ["<|startoftext|>", "<|endoftext|>", *letters]
    tokenizer = CLIPTokenizer(
        vocab={name: place for place, name in enumerate(names)}, merges=[], model_max_length=77
    )
    text = CLIPTextConfig(
        vocab_size=len(names), hidden_size=32, intermediate_size=37, num_hidden_layers=1,
        num_attention_heads=4, bos_token_id=0, eos_token_id=1, pad_token_id=1,
    )  # fmt: skip
    pipeline = diffusers.StableDiffusionPipeline(
        vae=diffusers.AutoencoderKL(
            block_out_channels=(32, 64), latent_channels=4,
            down_block_types=("DownEncoderBlock2D",) * 2, up_block_types=("UpDecoderBlock2D",) * 2,
        ),
        text_encoder=CLIPTextModel(text),
        tokenizer=tokenizer,
        unet=diffusers.UNet2DConditionModel(
            block_out_channels=(32, 64), layers_per_block=1, sample_size=16, cross_attention_dim=32,
            down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
            up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        ),
        scheduler=diffusers.DDIMScheduler(),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )  # fmt: skip
    pipeline.save_pretrained(folder)
    return pipeline


def test_a_pipeline_of_diffusers_makes_pictures_by_their_seeds(tmp_path: Path) -> None:
    pipeline = _pipeline(tmp_path / "sd")
    operator = load_diffusion(str(tmp_path / "sd"), "a photo of {}", 2, "cpu")
    made = operator.generate([*TEXTS, TEXTS[0], TEXTS[0]], [1, 2, 3, 1, 9])
    assert same(made[0].value, made[3].value) or _near(made[0].value, made[3].value)
    assert not _near(made[0].value, made[4].value)
    pipeline.set_progress_bar_config(disable=True)
    alone = pipeline(
        prompt="a photo of the image", num_inference_steps=2,
        generator=torch.Generator().manual_seed(3),
    ).images[0]  # fmt: skip
    assert _near(made[2].value, alone)
    assert operator.name == "StableDiffusion (2 steps)"


def _near(one: Image.Image, two: Image.Image) -> bool:
    return bool(np.abs(np.asarray(one).astype(int) - np.asarray(two)).max() <= 2)


def test_what_the_safety_checker_withholds_is_no_picture(tmp_path: Path) -> None:
    _pipeline(tmp_path / "sd")
    operator = load_diffusion(str(tmp_path / "sd"), "", 1, "cpu")
    real = operator._pipeline

    class Withholding:
        def __call__(self, **given: Any) -> Any:
            made = real(**given)
            made.nsfw_content_detected = [False, True]
            return made

    operator._pipeline = Withholding()
    kept, withheld = operator.generate(TEXTS[:2], [1, 2])
    assert kept.value is not None
    assert withheld.value is None and "safety checker" in withheld.note


def test_a_pipeline_that_is_none_is_told(tmp_path: Path) -> None:
    pytest.importorskip("diffusers", reason="diffusers is an optional extra")
    with pytest.raises(OperatorError, match='no pipeline "nowhere"'):
        load_diffusion("nowhere", device="cpu")
    (tmp_path / "model_index.json").write_text(json.dumps({"_class_name": "NoSuch"}))
    with pytest.raises(EncoderError, match="cannot be loaded"):
        load_diffusion(str(tmp_path), device="cpu")
