"""Many training runs over a space of front ends: what to run, running it, keeping results."""
