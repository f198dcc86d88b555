"""What becomes of a sweep's networks: converted, tested and timed in the runtime."""
