"""Data sets: what exists, where it comes from, images as tensors."""
