"""Network architectures: one file each, known by their line in `registry`."""
