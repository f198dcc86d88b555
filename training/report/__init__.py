"""The study as a page to read, made from a sweep's results alone."""
