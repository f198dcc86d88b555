"""Spectrogram, log-Mel and MFCC, for whole windows and for streams."""
