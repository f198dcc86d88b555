"""What `import kws_edge` offers: detections from anything, one family of errors, a cheap import."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from conftest import noise

import kws_edge
from kws_edge.audio.files import read_audio, to_pcm16
from kws_edge.detection.detector import Detection, DetectorConfig
from kws_edge.model.file import demo_recording
from kws_edge.sources.base import Samples
from kws_edge.types import FloatArray

MODEL = "mfcc-int8"  # fires often


@pytest.fixture(scope="module")
def undisturbed() -> tuple[FloatArray, list[Detection]]:
    """The first 10 s of the demo, and its detections."""
    samples = read_audio(demo_recording(), 16000)[:160000]
    return samples, kws_edge.KeywordSpotter(kws_edge.load_model(MODEL)).push(samples)


def places(detections: list[Detection]) -> list[tuple[str, int]]:
    return [(found.label, found.sample) for found in detections]


def test_a_file_its_path_and_its_samples_are_spotted_alike() -> None:
    from_path = places(list(kws_edge.listen(demo_recording(), model=MODEL)))
    assert len(from_path) >= 8
    assert places(list(kws_edge.listen(str(demo_recording()), model=MODEL))) == from_path
    file = kws_edge.AudioFile(demo_recording())
    assert places(list(kws_edge.listen(file, model=MODEL))) == from_path
    array = Samples(read_audio(demo_recording(), 16000), block_samples=777)
    assert places(list(kws_edge.listen(array, model=MODEL))) == from_path
    never = DetectorConfig(threshold=1.0)
    assert list(kws_edge.listen(demo_recording(), model=MODEL, config=never)) == []


def test_int16_is_spotted_as_the_same_float32() -> None:
    samples = read_audio(demo_recording(), 16000)
    pcm: npt.NDArray[np.int16] = to_pcm16(samples)
    model = kws_edge.load_model(MODEL)
    floats = kws_edge.KeywordSpotter(model).push(pcm.astype(np.float32) / 32768)
    assert len(floats) >= 8
    assert kws_edge.KeywordSpotter(model).push(pcm) == floats


@pytest.mark.parametrize(
    ("block", "message"),
    [
        (noise(320).astype(np.float64), "found float64, expected float32 in"),
        (np.zeros(320, np.int32), "found int32, expected float32 in"),
        (np.zeros(320, np.uint8), "found uint8"),
        (np.zeros(320, bool), "found bool"),
        (np.zeros((320, 2), np.float32), r"found shape \(320, 2\), expected one channel"),
        (np.zeros((), np.float32), r"found shape \(\), expected one channel"),
        ([0.0] * 320, "found list, expected a NumPy array"),
        (b"\0" * 640, "found bytes, expected a NumPy array"),
        (np.array([0, np.nan, 0], np.float32), "found a sample of nan"),
        (np.array([0, np.inf, 0], np.float32), "found a sample of inf"),
        (np.array([0, -np.inf, 0], np.float32), "found a sample of inf"),
        (np.array([5, -12000, 3], np.float32), "found a sample of 12000, .* divided by 32768"),
    ],
)
def test_other_audio_is_refused_by_name_and_does_no_harm(
    block: object, message: str, undisturbed: tuple[FloatArray, list[Detection]]
) -> None:
    samples, expected = undisturbed
    spotter = kws_edge.KeywordSpotter(kws_edge.load_model(MODEL))
    found = spotter.push(samples[:100000])
    assert 0 < len(found) < len(expected)
    with pytest.raises(kws_edge.KwsEdgeError, match=message):
        spotter.push(block)  # type: ignore[arg-type]
    assert found + spotter.push(samples[100000:]) == expected


def test_no_samples_are_audio_too() -> None:
    spotter = kws_edge.KeywordSpotter.load(MODEL)
    assert spotter.push(np.zeros(0, np.float32)) == []
    assert spotter.push(np.zeros(0, np.int16)) == []
    assert spotter.samples_processed == 0


def test_errors_come_at_once_and_are_of_one_family(tmp_path: Path) -> None:
    text = tmp_path / "text.wav"
    text.write_text("no sound")
    for source, model in (
        (tmp_path / "none.wav", MODEL),
        (text, MODEL),
        (demo_recording(), "no such model"),
        (demo_recording(), text),
    ):
        with pytest.raises(kws_edge.KwsEdgeError) as caught:
            kws_edge.listen(source, model=model)
        assert "\n" not in str(caught.value)
    with pytest.raises(kws_edge.KwsEdgeError, match="threshold: 2 is not within 0 to 1"):
        DetectorConfig(threshold=2)


def test_importing_it_loads_no_audio_library_interpreter_or_parser() -> None:
    code = (
        "import sys, kws_edge; print(sorted({'sounddevice', 'soundfile', 'soxr', 'yaml', 'click',"
        " 'tflite_runtime', 'ai_edge_litert', 'scipy', 'asyncio'} & set(sys.modules)))"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert result.stdout.strip() == "[]"


def test_everything_public_is_documented() -> None:
    for name in kws_edge.__all__:
        assert name == "__version__" or getattr(kws_edge, name).__doc__, name
