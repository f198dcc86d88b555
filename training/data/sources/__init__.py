"""Data sets and voices: one file each."""
