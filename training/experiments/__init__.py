"""Experiments: variants of a training configuration, trained, converted, timed and compared."""
