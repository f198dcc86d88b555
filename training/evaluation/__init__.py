"""Evaluation of a model: on clips, in streams, and on your own recordings."""
