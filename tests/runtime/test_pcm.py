"""Raw PCM of any format: the same as the audio library reads, however it is cut up."""

import io
import itertools

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from kws_edge.errors import ValidationErrors
from kws_edge.types import FloatArray
from kws_edge.wyoming.client import PcmFormat, PcmStream

SUBTYPES = {1: "PCM_U8", 2: "PCM_16", 3: "PCM_24", 4: "PCM_32"}


def converted(format_: PcmFormat, parts: list[bytes]) -> FloatArray:
    stream = PcmStream(format_, 16000)
    samples = [samples for part in parts for samples in stream.push(part)]
    return np.concatenate([*samples, stream.flush()])


@pytest.mark.parametrize("width", SUBTYPES)
@pytest.mark.parametrize("channels", [1, 2, 6])
def test_as_soundfile_reads_it(width: int, channels: int) -> None:
    samples = np.random.default_rng(0).uniform(-1, 1, (4000, channels))
    file = io.BytesIO()
    soundfile.write(file, samples, 16000, subtype=SUBTYPES[width], format="WAV")
    data = file.getvalue()
    pcm = data[data.index(b"data") + 8 :]
    file.seek(0)
    expected, _ = soundfile.read(file, dtype="float32", always_2d=True)
    found = converted(PcmFormat(16000, width, channels), [pcm])
    np.testing.assert_allclose(found, expected.mean(axis=1), atol=1e-6)


@given(
    data=st.binary(max_size=5000),
    cuts=st.lists(st.integers(0, 5000), max_size=20),
    rate=st.sampled_from([1000, 8000, 16000, 44100, 48000, 384000]),
    width=st.integers(1, 4),
    channels=st.integers(1, 5),
)
@settings(max_examples=50, deadline=None)
def test_how_it_is_cut_up_makes_no_difference(
    data: bytes, cuts: list[int], rate: int, width: int, channels: int
) -> None:
    format_ = PcmFormat(rate, width, channels)
    edges = [0, *sorted(cuts), len(data)]
    parts = [data[a:b] for a, b in itertools.pairwise(edges)]
    whole = converted(format_, [data])
    np.testing.assert_array_equal(converted(format_, parts), whole)
    expected = len(data) // format_.frame * 16000 / rate
    assert len(whole) == pytest.approx(expected, abs=2)


@pytest.mark.parametrize(
    ("rate", "width", "channels", "faults"),
    [
        (0, 2, 1, 1),
        (16000, 0, 33, 2),
        (True, 2, 1, 1),
        (16000.0, 2, 1, 1),
        ("16000", None, [], 3),
        (10**9, 5, -1, 3),
    ],
)
def test_formats_that_make_no_sense(
    rate: object, width: object, channels: object, faults: int
) -> None:
    with pytest.raises(ValidationErrors) as caught:
        PcmFormat(rate, width, channels)  # type: ignore[arg-type]
    assert len(caught.value.faults) == faults
