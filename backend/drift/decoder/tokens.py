"""Captions as numbers: pieces of bytes that were frequent in the training captions, so any script is told."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

PAD: Final = 0
END: Final = 1
_SPECIAL: Final = ("<pad>", "<end>")
_MOST: Final = 4096


class Tokens:
    """A fitted vocabulary.

    Args:
        told: as :meth:`to_json` gave it.
    """

    def __init__(self, told: str) -> None:
        self._tokenizer = Tokenizer.from_str(told)

    @staticmethod
    def of(texts: Iterable[str]) -> Tokens:
        """Byte-level byte-pair encoding, fitted on texts (Sennrich et al. 2016)."""
        tokenizer = Tokenizer(models.BPE())
        tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
        tokenizer.decoder = decoders.ByteLevel()
        trainer = trainers.BpeTrainer(
            vocab_size=_MOST,
            min_frequency=2,
            show_progress=False,
            special_tokens=list(_SPECIAL),
            initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        )
        tokenizer.train_from_iterator(texts, trainer)
        return Tokens(tokenizer.to_str())

    def __len__(self) -> int:
        return int(self._tokenizer.get_vocab_size())

    def numbers(self, texts: Sequence[str], most: int) -> list[list[int]]:
        """Of each text its pieces, at most so many, and the end."""
        coded = self._tokenizer.encode_batch(list(texts), add_special_tokens=False)
        return [[*each.ids[: most - 1], END] for each in coded]

    def text(self, numbers: Sequence[int]) -> str:
        """The words again; nothing after the end is told."""
        own = list(numbers)
        kept = own[: own.index(END)] if END in own else own
        return str(self._tokenizer.decode([each for each in kept if each > END])).strip()

    def to_json(self) -> str:
        """What it is made again from."""
        return str(self._tokenizer.to_str())
