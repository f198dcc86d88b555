"""Where events go: one file a destination, each behind a bounded queue and a worker."""
