"""What happens to speech between mouth and model, done to training material.

Each effect is a function of samples and a NumPy random generator, and draws nothing else:
the same generator gives the same samples. Samples are float32 ``[n]`` in [-1, 1), mono, at
`RATE`.
"""

RATE = 16000  # Hz
