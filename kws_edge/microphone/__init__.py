"""Microphones: opened in whatever format they do, lost and found again."""
