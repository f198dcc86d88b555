"""Clips, splits, features, training windows and where recordings come from."""
