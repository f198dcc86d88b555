"""How good a model is: on clips, on streams, on one's own recordings."""
