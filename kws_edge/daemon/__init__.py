"""The service: engine, signals, reload, systemd, live view."""
