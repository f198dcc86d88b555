"""The recordings check: how well a model recognises your recordings, and what is unusual."""
