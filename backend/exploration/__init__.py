"""Searching and mapping a run's shared space: exact FAISS search, layouts, thumbnails."""
