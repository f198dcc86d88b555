"""Detector settings chosen on validation streams."""
