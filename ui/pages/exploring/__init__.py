"""Explore: search a run's gallery by words, pictures, items, regions, vectors, and mixtures of these."""
