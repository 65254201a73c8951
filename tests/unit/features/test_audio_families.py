"""Features of recordings are what transformers' own output gives for them alone, to 1e-5."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from transformers import AutoFeatureExtractor, AutoModel

from backend.errors import EncoderError, InvalidInput
from backend.features.loading import load_encoder
from backend.media.blobs import Blob
from tests.unit.features import tiny, zoo
from tests.unit.features.close import assert_close

#: seconds that a tiny model takes at once
WINDOW = {
    "audio-spectrogram-transformer": 0.64,
    "whisper": 2.0,
    "wav2vec2": 30.0,
    "hubert": 30.0,
    "wavlm": 30.0,
    "wav2vec2-bert": 30.0,
    "clap": 10.0,
    "clap-fused": 10.0,
}


def _sounds(name: str, seconds: tuple[float, ...]) -> list[tuple[NDArray[np.float32], int]]:
    rate = 48_000 if name.startswith("clap") else 16_000
    generator = np.random.default_rng(0)
    return [
        (generator.normal(0, 0.2, round(length * rate)).astype(np.float32), rate)
        for length in seconds
    ]


class Theirs:
    """transformers' own way with one recording that is no longer than the model takes."""

    def __init__(self, folder: Path, name: str) -> None:
        extractors: Any = AutoFeatureExtractor
        self.name = name
        self.extractor = extractors.from_pretrained(folder)
        self.model: Any = AutoModel.from_pretrained(folder, dtype=torch.float32).eval()

    def inputs(self, samples: NDArray[np.float32]) -> Any:
        rate = self.extractor.sampling_rate
        inputs = self.extractor([samples], sampling_rate=rate, return_tensors="pt")
        if self.name.startswith("clap"):
            inputs["is_longer"] = torch.zeros(1, 1, dtype=torch.bool)
        return inputs

    def output(self, samples: NDArray[np.float32]) -> Any:
        tower = {"whisper": "encoder", "clap": "audio_model"}.get(self.name.removesuffix("-fused"))
        model = getattr(self.model, tower) if tower else self.model
        with torch.inference_mode():
            return model(**self.inputs(samples), output_hidden_states=True)

    def frames(self, hidden: Any, samples: NDArray[np.float32]) -> Any:
        """The (tokens, d) that stand for the recording and not for what it is padded with."""
        if self.name.startswith("clap"):
            return hidden[0].flatten(1).T
        if self.name == "whisper":
            rate = self.extractor.sampling_rate
            told = self.extractor([samples], sampling_rate=rate, return_attention_mask=True)
            return hidden[0, torch.tensor(told["attention_mask"][0][::2]).bool()]
        if self.name == "audio-spectrogram-transformer":
            frames = (len(samples) - 400) // 160 + 1
            grid = hidden[0, 2:].reshape(12, 5, -1)  # 128 bands and 64 frames by steps of 10
            return grid[:, : min((frames - 16) // 10 + 1, 5)].flatten(0, 1)
        return hidden[0]


@pytest.mark.parametrize("name", zoo.SOUNDS)
def test_recordings_of_any_length_together_are_as_each_alone(tmp_path: Path, name: str) -> None:
    folder = zoo.sound(tmp_path / "model", name)
    theirs = Theirs(folder, name)
    sounds = _sounds(name, tuple(WINDOW["whisper"] * part for part in (0.15, 0.3, 0.22, 0.3, 0.1)))
    encoder = load_encoder(tiny.spec(folder, "audio", pooling="mean"), "cpu")
    expected = [
        theirs.frames(theirs.output(samples).last_hidden_state, samples).mean(0)
        for samples, _ in sounds
    ]
    assert_close(encoder.encode(sounds), torch.stack(expected))
    assert encoder.dimension == len(expected[0])
    encoder = load_encoder(tiny.spec(folder, "audio", all_layers=True, pooling="mean"), "cpu")
    joined = [
        torch.cat(
            [
                theirs.frames(state, samples).mean(0)
                for state in theirs.output(samples).hidden_states
            ]
        )
        if not name.startswith("clap")
        else torch.cat([state[0].mean((1, 2)) for state in theirs.output(samples).hidden_states])
        for samples, _ in sounds
    ]
    assert_close(encoder.encode(sounds), torch.stack(joined))


@pytest.mark.parametrize("name", zoo.SOUNDS)
def test_the_own_output(tmp_path: Path, name: str) -> None:
    folder = zoo.sound(tmp_path / "model", name)
    theirs = Theirs(folder, name)
    sounds = _sounds(name, (0.5, 0.6))
    ours = load_encoder(tiny.spec(folder, "audio"), "cpu").encode(sounds)
    if name.startswith("clap"):
        with torch.inference_mode():
            rows = [
                theirs.model.get_audio_features(**theirs.inputs(samples)).pooler_output[0]
                for samples, _ in sounds
            ]
    elif name == "audio-spectrogram-transformer":
        rows = [theirs.output(samples).pooler_output[0] for samples, _ in sounds]
    else:
        outputs = [theirs.output(samples).last_hidden_state for samples, _ in sounds]
        rows = [theirs.frames(h, s).mean(0) for h, (s, _) in zip(outputs, sounds, strict=True)]
    assert_close(ours, torch.stack(rows))


@pytest.mark.parametrize("name", zoo.SOUNDS)
def test_a_long_recording_is_the_mean_of_its_windows_by_duration(tmp_path: Path, name: str) -> None:
    folder = zoo.sound(tmp_path / "model", name)
    theirs = Theirs(folder, name)
    window = WINDOW[name]
    ((samples, rate),) = _sounds(name, (2.4 * window,))
    size = round(window * rate)
    pieces = [samples[start : start + size] for start in range(0, len(samples), size)]
    assert len(pieces) == 3
    ours = load_encoder(tiny.spec(folder, "audio", pooling="mean"), "cpu").encode([(samples, rate)])
    means = [theirs.frames(theirs.output(p).last_hidden_state, p).mean(0) for p in pieces]
    weights = torch.tensor([len(piece) / len(samples) for piece in pieces])
    assert_close(ours[0], (torch.stack(means) * weights[:, None]).sum(0))


@pytest.mark.parametrize("name", ["whisper", "wav2vec2", "audio-spectrogram-transformer"])
def test_frames_by_themselves(tmp_path: Path, name: str) -> None:
    folder = zoo.sound(tmp_path / "model", name)
    theirs = Theirs(folder, name)
    sounds = _sounds(name, (0.5, 0.31))
    found = load_encoder(tiny.spec(folder, "audio", pooling="tokens"), "cpu").encode_tokens(sounds)
    for (tokens,), (samples, _) in zip(found, sounds, strict=True):
        hidden = theirs.output(samples).last_hidden_state
        frames = theirs.frames(hidden, samples)
        if name == "audio-spectrogram-transformer":
            frames = torch.cat([hidden[0, :1], frames])  # the CLS token first
        assert_close(tokens, frames)


def test_files_of_recordings_and_the_bad_ones_among_them(tmp_path: Path) -> None:
    import soundfile

    folder = zoo.sound(tmp_path / "model", "wav2vec2")
    ((samples, rate), _) = _sounds("wav2vec2", (0.5, 0.5))
    paths = [tmp_path / f"{number}.wav" for number in range(4)]
    for path in paths:
        soundfile.write(path, np.stack([samples, samples], 1), rate, subtype="FLOAT")
    paths[1].write_bytes(b"no recording at all")
    paths[2].unlink()
    encoder = load_encoder(tiny.spec(folder, "audio"), "cpu")
    with pytest.raises(InvalidInput) as caught:
        encoder.encode(paths)
    assert [fault.where for fault in caught.value.faults] == [str(path)[:60] for path in paths[1:3]]
    expected = encoder.encode([(samples, rate)] * 2)
    np.testing.assert_array_equal(encoder.encode([paths[0], Blob(paths[3])]), expected)


def test_a_blink_of_sound_is_filled_up_with_silence(tmp_path: Path) -> None:
    for name in zoo.SOUNDS:
        folder = zoo.sound(tmp_path / name, name)
        ((_, rate),) = _sounds(name, (0.5,))
        vectors = load_encoder(tiny.spec(folder, "audio"), "cpu").encode(
            [(np.ones(3, np.float32), rate)]
        )
        assert np.isfinite(vectors).all() and vectors.shape[0] == 1


def test_a_family_that_transformers_does_not_know_is_told(tmp_path: Path) -> None:
    folder = zoo.sound(tmp_path / "model", "wav2vec2")
    config = (folder / "config.json").read_text()
    (folder / "config.json").write_text(config.replace('"wav2vec2"', '"wav2vec2-unheard-of"'))
    with pytest.raises(EncoderError, match="cannot be loaded"):
        load_encoder(tiny.spec(folder, "audio"), "cpu").prepare()
