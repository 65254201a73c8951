"""From a point of a run's shared space to words, learned from its caption embeddings alone.

As DeCap (Li et al. 2023): a small transformer learns to say a caption again from its embedding. No picture
is seen. An image's vector lies elsewhere than captions' do; it is first put among them, as a mean of the
training captions' vectors weighted by the softmax of their similarities (the *memory projection*).

tokens    captions as numbers
model     the transformer
training  fits it
decoder   decodes, and is saved and loaded
"""

from backend.drift.decoder.decoder import Decoder, load_decoder, save_decoder
from backend.drift.decoder.training import train_decoder

__all__ = ["Decoder", "load_decoder", "save_decoder", "train_decoder"]
