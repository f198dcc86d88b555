"""Test streams with known words and times, and a model's figures on them."""
