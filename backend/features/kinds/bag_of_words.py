"""A control for text: weighted word counts, reduced by a singular value decomposition.

It knows which words a caption has and nothing of their order. It is fitted on training captions
alone.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, fields
from functools import cached_property, partial
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from backend.catalog.encoders import EncoderSpec
from backend.errors import EncoderError
from backend.features.encoders import Encoder
from backend.features.work import Outcome, Output, Work

#: words of one letter count, too
_WORD: Final = r"(?u)\b\w+\b"
_LARGEST_DIMENSION: Final = 256
_BATCH: Final = 4096
#: fixed: the same captions always give the same encoder
_SEED: Final = 0
_VERSION: Final = 1


class BagOfWords(Encoder):
    """TF-IDF (logarithmic counts, unit length) times the leading right singular vectors of the
    training captions' TF-IDF matrix. A caption without a known word is all zeros."""

    unit = "captions"

    def __init__(self, spec: EncoderSpec, fingerprint: str, corpus: Sequence[str]) -> None:
        self.spec = spec
        self.outputs = (Output(fingerprint, "word counts"),)
        self._corpus = corpus

    @classmethod
    def of(cls, spec: EncoderSpec, corpus: Sequence[str]) -> BagOfWords:
        """The encoder of a corpus; fitted when it is first asked for a feature.

        The order of the captions does not matter.
        """
        ordered = sorted(corpus)
        content = json.dumps([_VERSION, _LARGEST_DIMENSION, spec.prefix, ordered])
        return cls(spec, hashlib.sha256(content.encode()).hexdigest(), ordered)

    @classmethod
    def load(cls, folder: Path) -> BagOfWords:
        """What :meth:`save` wrote.

        Raises:
            EncoderError: it is missing or damaged.
        """
        from safetensors.numpy import load_file

        try:
            told = json.loads((folder / "bag_of_words.json").read_text("utf-8"))
            arrays = load_file(folder / "bag_of_words.safetensors")
            encoder = cls(_spec(told["spec"]), str(told["fingerprint"]), ())
            encoder._fitted = (tuple(told["words"]), arrays["idf"], arrays["components"])
        except Exception as error:
            raise EncoderError(
                f"The bag of words in {folder} cannot be read ({error}). Run the alignment again."
            ) from error
        return encoder

    def save(self, folder: Path) -> None:
        """Writes bag_of_words.json and bag_of_words.safetensors."""
        from safetensors.numpy import save_file

        words, idf, components = self._fitted
        told = {"spec": asdict(self.spec), "fingerprint": self.fingerprint, "words": words}
        folder.mkdir(parents=True, exist_ok=True)
        save_file({"idf": idf, "components": components}, folder / "bag_of_words.safetensors")
        (folder / "bag_of_words.json").write_text(json.dumps(told), "utf-8")

    @cached_property
    def dimension(self) -> int:
        return int(self._fitted[2].shape[0])

    def prepare(self) -> None:
        _ = self._vectoriser

    def works(self, items: Sequence[Any], wanted: Sequence[bool]) -> Iterator[Work]:
        vectoriser, components = self._vectoriser, self._fitted[2]
        for start in range(0, len(items), _BATCH):
            batch = tuple(i for i in range(start, min(start + _BATCH, len(items))) if wanted[i])
            if batch:
                texts = [self.spec.prefix + items[i] for i in batch]
                yield Work(batch, partial(_project, vectoriser, components, batch, texts))

    @cached_property
    def _fitted(self) -> tuple[tuple[str, ...], NDArray[np.float64], NDArray[np.float64]]:
        """The words, their inverse document frequencies (v,), and the components (d, v)."""
        from sklearn.decomposition import TruncatedSVD
        from sklearn.feature_extraction.text import TfidfVectorizer

        vectoriser = TfidfVectorizer(token_pattern=_WORD, sublinear_tf=True)
        try:
            counts = vectoriser.fit_transform([self.spec.prefix + text for text in self._corpus])
        except ValueError as error:
            raise EncoderError(
                "The training captions have no words to count. Choose another text encoder."
            ) from error
        words = tuple(str(word) for word in vectoriser.get_feature_names_out())
        components = np.ones((1, 1))
        if len(words) > 1:
            size = min(_LARGEST_DIMENSION, len(words), counts.shape[0])
            components = TruncatedSVD(size, random_state=_SEED).fit(counts).components_
        # contiguous: safetensors writes memory as it lies
        return words, np.ascontiguousarray(vectoriser.idf_), np.ascontiguousarray(components)

    @cached_property
    def _vectoriser(self) -> Any:
        from sklearn.feature_extraction.text import TfidfVectorizer

        words, idf, _ = self._fitted
        vectoriser = TfidfVectorizer(token_pattern=_WORD, sublinear_tf=True, vocabulary=words)
        vectoriser.idf_ = idf
        return vectoriser


def _spec(told: dict[str, Any]) -> EncoderSpec:
    """What was saved, by this version or by one that told the side and had fewer options."""
    known = {field.name for field in fields(EncoderSpec)}
    options = {"modality": "text"} | {key: value for key, value in told.items() if key in known}
    # JSON has no tuples
    return EncoderSpec(**{**options, "layers": tuple(told["layers"])})


def _project(
    vectoriser: Any, components: NDArray[np.float64], batch: tuple[int, ...], texts: list[str]
) -> Outcome:
    vectors = vectoriser.transform(texts) @ components.T
    return Outcome(batch, (np.asarray(vectors, dtype=np.float32),), ((),))
