"""Frozen encoders and the store of their features. Nothing here loads torch before it is needed."""
