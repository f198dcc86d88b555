"""Configuration: dataclasses, a strict parser, and what it reads (file, variables, flags)."""
