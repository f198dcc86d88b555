"""From recordings to a model worth shipping: one YAML file, one command."""
