"""Audio files, sample buffers, and where the speech in a recording is."""
