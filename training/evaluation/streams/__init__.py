"""Test streams with known truth, and what the runtime makes of them."""
