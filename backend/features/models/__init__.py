"""Loaded models: what of their output becomes a feature, and running them fast."""
