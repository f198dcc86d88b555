"""Field test: recorded samples through a model, and what they say about the recording."""
