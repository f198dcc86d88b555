"""From posteriors to detections, and the figures to judge them by."""
