"""NumPy's features against two libraries that share no code with TensorFlow.

librosa, with ``htk=True, norm=None, power=1, center=False``:

- Its magnitudes are equal where the frame is as long as the FFT. It pads a shorter window on
  both sides, TensorFlow at the end: equal magnitudes, of frames that begin earlier. Its Hann
  window is always periodic, TensorFlow's is symmetric for an odd length.
- The edges and centres of its mel bands are equal; its triangles are straight in Hz,
  TensorFlow's in mel: weights differ by 0.006 for 40 bands up to 4 kHz, by 0.03 for 10 to 8 kHz.
- Its MFCC without ``norm`` is sqrt(2 N) times ours; ``norm="ortho"`` differs in c0 alone.

python_speech_features (psf), whose `mfcc` the kind ``psf_mfcc`` is, with its defaults has

- rectangular windows, pre-emphasis of 0.97, and the last frame padded where it is not whole,
- power divided by the FFT's length, not magnitude,
- triangles between FFT bins rounded down and straight in bins; 0 Hz is not left out,
- the log of a zero replaced, where we add an offset; an ortho DCT, a lifter, log energy as c0,
- users who feed it int16, so that its log energies lie 2 ln 32768 above those of [-1, 1).
"""

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from kws_edge.features.front_end import FeatureConfig, FloatArray, FrontEnd, frames_of
from kws_edge.features.log_mel import mel_matrix
from kws_edge.features.spectrogram import hann_window
from kws_edge.model.probe import probe_signal

librosa = pytest.importorskip("librosa")
psf = pytest.importorskip("python_speech_features")

RATE = 16000
LOG_MEL = FeatureConfig("log_mel", RATE, 40.0, 20.0, "frame_length", 40, 20.0, 4000.0)
BUZZ = np.round(probe_signal(LOG_MEL) * 32768).astype(np.int16)
NOISE = np.random.default_rng(0).normal(0, 3000, RATE).astype(np.int16)
EVEN_FRAMES = st.integers(64, 400).map(lambda half: 2 * half)  # 8 to 50 ms

Pcm = npt.NDArray[np.int16]
both = pytest.mark.parametrize("pcm", [BUZZ, NOISE], ids=["buzz", "noise"])


def to_float(pcm: Pcm) -> FloatArray:
    return pcm.astype(np.float32) / np.float32(32768)


def spectrogram_config(frame: int, step: int, fft: int) -> FeatureConfig:
    return FeatureConfig("spectrogram", RATE, frame * 1000 / RATE, step * 1000 / RATE, fft)


def difference(found: FloatArray, expected: FloatArray) -> float:
    """The largest, as a part of the largest value expected."""
    assert found.shape == expected.shape
    return float(np.abs(found - expected).max() / np.abs(expected).max())


@both
@settings(max_examples=20, deadline=None)
@given(frame=EVEN_FRAMES, step=st.integers(32, 128))
def test_magnitudes_equal_librosas(pcm: Pcm, frame: int, step: int) -> None:
    signal = to_float(pcm)
    stft = librosa.stft(signal, n_fft=frame, hop_length=step, center=False)
    found = FrontEnd(spectrogram_config(frame, step, frame))(signal)
    assert difference(found, np.abs(stft).T) < 1e-6


@both
@settings(max_examples=20, deadline=None)
@given(frame=EVEN_FRAMES, step=st.integers(32, 128), padding=st.integers(1, 400))
def test_padded_magnitudes_equal_librosas(pcm: Pcm, frame: int, step: int, padding: int) -> None:
    """Once librosa's frames begin where ours do: it centres the window in the FFT."""
    signal, fft = to_float(pcm), frame + 2 * padding
    found = FrontEnd(spectrogram_config(frame, step, fft))(signal)
    padded = np.pad(signal, padding)
    stft = librosa.stft(padded, n_fft=fft, win_length=frame, hop_length=step, center=False)
    assert difference(found, np.abs(stft).T) < 1e-6


@both
def test_an_odd_frame_has_the_symmetric_window(pcm: Pcm) -> None:
    signal = to_float(pcm)
    found = FrontEnd(spectrogram_config(401, 160, 401))(signal)
    own, given_window = (
        np.abs(librosa.stft(signal, n_fft=401, hop_length=160, center=False, window=window)).T
        for window in ("hann", np.hanning(401))
    )
    assert difference(found, given_window) < 1e-6
    assert difference(found, own) > 1e-4


@pytest.mark.parametrize(
    ("bands", "upper", "apart"), [(40, 4000.0, 0.006), (20, 7600.0, 0.015), (10, 8000.0, 0.03)]
)
def test_mel_bands_have_librosas_edges(bands: int, upper: float, apart: float) -> None:
    ours = mel_matrix(321, RATE, bands, 20.0, upper)
    settings_ = {"n_mels": bands, "fmin": 20.0, "fmax": upper, "htk": True}
    theirs = librosa.filters.mel(sr=RATE, n_fft=640, norm=None, **settings_).T
    np.testing.assert_array_equal(ours > 1e-9, theirs > 1e-9)  # but for rounding
    assert 0 < np.abs(ours - theirs).max() < apart

    hertz = librosa.mel_frequencies(bands + 2, fmin=20.0, fmax=upper, htk=True)
    edges = librosa.hz_to_mel(hertz, htk=True)
    bins = librosa.hz_to_mel(librosa.fft_frequencies(sr=RATE, n_fft=640), htk=True)[:, None]
    rising = (bins - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - bins) / (edges[2:] - edges[1:-1])
    straight_in_mel = np.maximum(0, np.minimum(rising, falling))  # [bins, bands]
    np.testing.assert_allclose(ours[1:], straight_in_mel[1:], atol=1e-6)
    assert not ours[0].any()


@both
def test_log_mel_is_near_librosas(pcm: Pcm) -> None:
    """Equal but for the triangles: some 0.01, which is 0.1 dB."""
    signal = to_float(pcm)
    stft = {"n_fft": 640, "hop_length": 320, "center": False, "power": 1.0}
    mel = {"n_mels": 40, "fmin": 20.0, "fmax": 4000.0, "htk": True, "norm": None}
    theirs = np.log(librosa.feature.melspectrogram(y=signal, sr=RATE, **stft, **mel).T + 1e-6)
    apart = np.abs(FrontEnd(LOG_MEL)(signal) - theirs)
    assert apart.max() < 0.02
    assert apart.mean() < 0.004


@both
@pytest.mark.parametrize("coefficients", [10, 40])
def test_mfcc_is_librosas_but_for_the_scale(pcm: Pcm, coefficients: int) -> None:
    signal = to_float(pcm)
    log_mel = FrontEnd(LOG_MEL)(signal).T  # [bands, frames]
    found = FrontEnd(FeatureConfig("mfcc", num_coefficients=coefficients))(signal)
    plain = librosa.feature.mfcc(S=log_mel, n_mfcc=coefficients, norm=None).T
    assert difference(found * np.sqrt(2 * 40), plain) < 1e-6
    ortho = librosa.feature.mfcc(S=log_mel, n_mfcc=coefficients, norm="ortho").T
    assert difference(found[:, 1:], ortho[:, 1:]) < 1e-6
    assert difference(found[:, 0], np.sqrt(2) * ortho[:, 0]) < 1e-6


@both
def test_log_mel_is_psfs_but_for_window_filters_and_power(pcm: Pcm) -> None:
    """With its framing and FFT but our window, magnitude, filters and offset."""
    framed = psf.sigproc.framesig(pcm / 32768.0, 640, 320, hann_window)
    magnitudes = psf.sigproc.magspec(framed, 640)  # [frames, 321]
    weights = mel_matrix(321, RATE, 40, 20.0, 4000.0)
    found = FrontEnd(LOG_MEL)(to_float(pcm))
    np.testing.assert_allclose(found, np.log(magnitudes @ weights + 1e-6), atol=1e-4)
    # its own filters are another shape altogether
    assert np.abs(psf.get_filterbanks(40, 640, RATE, 20, 4000).T - weights).max() > 0.3


def test_psf_pads_a_last_frame_that_is_not_whole() -> None:
    framed = psf.sigproc.framesig(NOISE / 32768.0, 400, 160)
    whole = frames_of(to_float(NOISE), spectrogram_config(400, 160, 400))
    assert len(framed) == len(whole) + 1
    np.testing.assert_array_equal(framed[:-1], whole)


@st.composite
def psf_configs(draw: st.DrawFn) -> FeatureConfig:
    frame = draw(st.integers(10, 50))  # ms
    step = draw(st.integers(-(-frame // 4), frame))
    samples = frame * RATE // 1000
    fft = draw(st.one_of(st.just(max(samples, 512)), st.integers(samples, 2048)))
    bands = draw(st.integers(10, 40))
    edges = draw(st.floats(0, 80)), draw(st.floats(2000, 8000))
    coefficients = draw(st.integers(1, bands))
    framing = RATE, float(frame), float(step), fft
    return FeatureConfig("psf_mfcc", *framing, bands, *edges, num_coefficients=coefficients)


@settings(max_examples=60, deadline=None)
@given(config=psf_configs(), samples=st.integers(800, RATE), kind=st.integers(0, 2))
def test_psf_mfcc_equals_psfs_of_whole_frames(
    config: FeatureConfig, samples: int, kind: int
) -> None:
    pcm = (BUZZ, NOISE, np.zeros_like(NOISE))[kind][:samples]
    seconds = config.frame_length_ms / 1000, config.frame_step_ms / 1000
    edges = config.lower_edge_hertz, config.upper_edge_hertz
    numbers = config.num_coefficients, config.num_mel_bins, config.fft_samples
    filters = psf.get_filterbanks(*numbers[1:], RATE, *edges)  # [bands, bins]
    # a band of 0 Hz alone holds, after pre-emphasis, little but the rounding of float32
    assume(np.array_equal(filters.any(axis=1), filters[:, 1:].any(axis=1)))
    expected = psf.mfcc(pcm, RATE, *seconds, *numbers, *edges)
    found = FrontEnd(config)(to_float(pcm))
    assert len(expected) - len(found) in (0, 1)  # the padded one
    expected = expected[: len(found)]
    assert difference(found, expected) < 1e-6
    np.testing.assert_allclose(found[:, 0], expected[:, 0], atol=1e-5)  # the energy is exact
