"""Trains small readers of handwritten glyphs."""
