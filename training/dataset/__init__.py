"""The data set: fetch, index, split, leak check."""
