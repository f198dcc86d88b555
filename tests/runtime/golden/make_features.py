"""Write features.npz: signals made by formula, and TensorFlow's features of them.

Run it with TensorFlow from the repository's root:
``PYTHONPATH=. python tests/golden/make_features.py``. It calls `tf.signal` itself, not
`training.data.tf_dataset`, so that the tests hold both to something outside this project.
"""

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from kws_edge.features.front_end import FeatureConfig
from kws_edge.model.probe import probe_signal

FILE = Path(__file__).with_name("features.npz")
Pcm = npt.NDArray[np.int16]

RATE = 16000
ODD = 401 * 1000 / RATE  # ms: a frame of an odd number of samples has another Hann window
# name -> kind, then rate, frame and step in ms, fft_length, bands, edges in Hz, offset, MFCCs
CONFIGS = {
    "spectrogram": FeatureConfig("spectrogram", RATE, 40.0, 20.0, "frame_length"),
    "spectrogram_padded": FeatureConfig("spectrogram", RATE, 25.0, 12.5, "power_of_two"),
    "log_mel": FeatureConfig("log_mel", RATE, 40.0, 20.0, "frame_length", 40, 20.0, 4000.0),
    "log_mel_wide": FeatureConfig(
        "log_mel", RATE, 30.0, 10.0, "power_of_two", 40, 20.0, 7600.0, log_offset=1e-3
    ),
    "log_mel_odd": FeatureConfig("log_mel", RATE, ODD, 15.0, 1024, 26, 60.0, 8000.0),
    "log_mel_brief": FeatureConfig("log_mel", RATE, 8.0, 8.0, 512, 10, 80.0, 2000.0),
    "mfcc": FeatureConfig("mfcc", RATE, 40.0, 20.0, "frame_length", 40, 20.0, 4000.0, 1e-6, 10),
    "mfcc_padded": FeatureConfig(
        "mfcc", RATE, 25.0, 10.0, "power_of_two", 20, 20.0, 4000.0, 1e-6, 13
    ),
    "mfcc_all": FeatureConfig("mfcc", RATE, 50.0, 12.5, 1024, 40, 80.0, 8000.0, 1e-6, 40),
}


def signals() -> dict[str, Pcm]:
    """Speech-like buzz, noise, silence, tone, clipped buzz, and less than most frames."""
    buzz = probe_signal(FeatureConfig("log_mel"))[4000:10400]  # 0.4 s, the loud part
    noise = np.random.default_rng(20240).normal(0.0, 0.1, 4800)
    tone = 0.5 * np.sin(2 * np.pi * 1000.0 * np.arange(4800) / RATE)
    return {
        "buzz": to_pcm(buzz),
        "noise": to_pcm(noise),
        "silence": to_pcm(np.zeros(1600)),
        "tone": to_pcm(tone),
        "clipped": to_pcm(30.0 * buzz),
        "short": to_pcm(noise[:500]),  # 31 ms
    }


def to_pcm(signal: npt.NDArray[np.floating[Any]]) -> Pcm:
    return np.clip(np.round(signal * 32768.0), -32768, 32767).astype(np.int16)


def tensorflow_features(pcm: Pcm, config: FeatureConfig) -> npt.NDArray[np.float32]:
    """Features ``[frames, width]`` of ``pcm [samples]``, by public functions only."""
    stft = tf.signal.stft(
        tf.constant(pcm.astype(np.float32) / 32768.0),
        config.frame_length,
        config.frame_step,
        # the next power of two is stft's own default
        fft_length=None if config.fft_length == "power_of_two" else config.fft_samples,
    )
    spectrogram = tf.abs(stft)  # [frames, bins]
    if config.kind == "spectrogram":
        return np.asarray(spectrogram, np.float32)
    weights = tf.signal.linear_to_mel_weight_matrix(
        config.num_mel_bins,
        spectrogram.shape[-1],
        config.sample_rate,
        config.lower_edge_hertz,
        config.upper_edge_hertz,
    )
    log_mel = tf.math.log(spectrogram @ weights + config.log_offset)
    if config.kind == "log_mel":
        return np.asarray(log_mel, np.float32)
    cepstra = tf.signal.mfccs_from_log_mel_spectrograms(log_mel)
    return np.asarray(cepstra[:, : config.num_coefficients], np.float32)


def stored(config: FeatureConfig, signal: str, pcm: Pcm) -> bool:
    if len(pcm) < config.frame_length:
        return False  # TensorFlow refuses to transform no frames
    if config.kind == "spectrogram":
        return signal in ("buzz", "tone", "short")  # they are wide; other kinds show the rest
    return signal != "tone"  # after the log its empty bands are rounding errors


def main() -> None:
    arrays: dict[str, npt.NDArray[Any]] = {}
    for signal, pcm in signals().items():
        arrays[f"signal/{signal}"] = pcm
        for name, config in CONFIGS.items():
            if stored(config, signal, pcm):
                arrays[f"features/{name}/{signal}"] = tensorflow_features(pcm, config)
    configs = {name: dataclasses.asdict(config) for name, config in CONFIGS.items()}
    about = {"tensorflow": tf.__version__, "configs": configs}
    np.savez_compressed(FILE, about=np.array(json.dumps(about)), **arrays)
    print(f"{FILE}: {FILE.stat().st_size} bytes, {len(arrays)} arrays")  # noqa: T201


if __name__ == "__main__":
    main()
