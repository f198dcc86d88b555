"""The wake-word server of the Wyoming protocol."""
