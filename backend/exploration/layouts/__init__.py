"""Layouts of a gallery: which points are drawn, and where."""
