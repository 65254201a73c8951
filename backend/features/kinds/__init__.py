"""The kinds of encoders, one module each: images, texts, sentences, audio, controls, precomputed."""
