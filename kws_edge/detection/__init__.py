"""From posteriors to detections, and their score against a label track."""
