"""Offline training of kws-edge models: data set, features, training, conversion, evaluation."""
