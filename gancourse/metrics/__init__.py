"""Evaluation: features, distances between sets, nearest neighbours."""
