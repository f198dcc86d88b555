"""A model with eight words, ``_unknown_`` and ``_silence_`` that takes all for one of these."""

from pathlib import Path

import keras
import numpy as np

from kws_edge.detection.detector import DetectorConfig
from kws_edge.features.front_end import FeatureConfig
from training.config import MINI_SPEECH_COMMANDS, DataConfig, SourceConfig, TrainingConfig
from training.export.convert import convert
from training.train.run import Run, write_run_files

LABELS = (*MINI_SPEECH_COMMANDS, "_silence_", "_unknown_")


def make_ten_labels(folder: Path, expected: str) -> Path:
    """Its file: whatever it is given, ``expected`` has about 0.98 and each other label 0.002."""
    features = FeatureConfig("mfcc")
    network = keras.Sequential(
        [
            keras.Input((*features.shape, 1)),
            keras.layers.Flatten(),
            keras.layers.Dense(len(LABELS), activation="softmax", kernel_initializer="zeros"),
        ]
    )
    bias = np.where(np.array(LABELS) == expected, 6.0, 0.0)
    network.layers[-1].set_weights([network.layers[-1].get_weights()[0], bias])
    run = folder / "run"
    network.export(run, verbose=False)
    data = DataConfig((SourceConfig(Path("clips")),), LABELS)
    config = TrainingConfig("ten-labels", features, data, detector=DetectorConfig(gate_dbfs=-60))
    write_run_files(run, config, {"loss": [0.0]}, {"git_commit": "0" * 40})
    return convert(Run(run, config), "float32", (), folder)
