"""``python -m kws_edge``, the same as ``kws-edge``."""

from kws_edge.cli import entry_point

entry_point()
