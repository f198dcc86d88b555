"""Which device, in which format, and 16 kHz mono from whatever it gives."""

from pathlib import Path

import numpy as np
import pytest
import soxr
from hypothesis import given, settings
from hypothesis import strategies as st

from kws_edge.audio.files import read_audio, to_pcm16
from kws_edge.audio.level import level_dbfs
from kws_edge.audio.resampling import resample
from kws_edge.errors import AudioDeviceError
from kws_edge.model.classifier import Classifier
from kws_edge.model.file import demo_recording
from kws_edge.sources.capture import CaptureFormat, choose_format
from kws_edge.sources.conversion import Converter
from kws_edge.sources.portaudio import Device, find_device
from kws_edge.spotter import KeywordSpotter
from kws_edge.types import FloatArray

DEVICES = [
    Device(0, "HDA Intel PCH: ALC257 Analog (hw:0,0)", 2, 44100, False),
    Device(3, "USB PnP Sound Device: Audio (hw:1,0)", 1, 44100, False),
    Device(4, "USB Camera: Audio (hw:2,0)", 2, 32000, False),
    Device(7, "pulse", 32, 44100, False),
    Device(9, "default", 32, 44100, True),
]


@pytest.mark.parametrize(
    ("wanted", "index"),
    [
        (None, 9),
        (3, 3),
        ("3", 3),
        ("pulse", 7),
        ("PULSE", 7),
        ("usb pnp", 3),
        ("Camera", 4),
        ("hw:0,0", 0),
        ("default", 9),
    ],
)
def test_a_device_by_index_name_or_part_of_it(wanted: int | str | None, index: int) -> None:
    assert find_device(wanted, DEVICES).index == index


def test_a_name_in_full_goes_before_a_part_of_another() -> None:
    longer = [*DEVICES, Device(10, "pulse monitor", 2, 44100, False)]
    assert find_device("pulse", longer).index == 7


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        ("usb", "several are called so: 3 USB PnP Sound Device: Audio (hw:1,0), 4 USB Camera"),
        ("telephone", "there are 0 HDA Intel PCH"),
        (5, "cannot open microphone 5 (there are 0 HDA"),
        ("", "there are 0 HDA"),
    ],
)
def test_what_is_unknown_or_ambiguous_lists_the_candidates(wanted: int | str, said: str) -> None:
    with pytest.raises(AudioDeviceError) as caught:
        find_device(wanted, DEVICES)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_no_device_at_all() -> None:
    with pytest.raises(AudioDeviceError, match="default microphone \\(there is none\\)"):
        find_device(None, [])


@pytest.mark.parametrize(
    ("rates", "counts", "channel", "chosen"),
    [
        ({16000, 48000}, {1, 2}, "mix", (16000, 1)),
        ({16000, 48000}, {2}, "mix", (16000, 2)),
        ({44100, 48000}, {1, 2}, "mix", (48000, 1)),
        ({44100}, {2}, "mix", (44100, 2)),
        ({48000}, {6}, "mix", (48000, 6)),
        ({16000}, {1, 2}, 0, (16000, 2)),  # one channel would be a mix of both
        ({16000}, {1, 2, 6}, 1, (16000, 6)),
        ({16000}, {1}, 0, (16000, 1)),
        ({8000}, {1}, "mix", None),
        ({16000}, {2}, 2, None),
    ],
)
def test_the_format(
    rates: set[int], counts: set[int], channel: int | str, chosen: tuple[int, int] | None
) -> None:
    found = choose_format(
        lambda rate, n: rate in rates and n in counts,
        16000,
        max(counts),
        max(rates),
        channel,  # type: ignore[arg-type]
    )
    assert found == (CaptureFormat(*chosen) if chosen else None)


@given(
    rates=st.sets(st.sampled_from([8000, 16000, 22050, 32000, 44100, 48000, 96000])),
    counts=st.sets(st.integers(1, 32), min_size=1),
    channel=st.one_of(st.just("mix"), st.integers(0, 31)),
)
def test_a_format_is_found_exactly_where_one_will_do(
    rates: set[int], counts: set[int], channel: int | str
) -> None:
    asked = []

    def works(rate: int, n: int) -> bool:
        asked.append((rate, n))
        return rate in rates and n in counts

    found = choose_format(works, 16000, max(counts), 44100, channel)  # type: ignore[arg-type]
    least = 0 if channel == "mix" else int(channel)
    possible = any(rate >= 16000 for rate in rates) and any(
        n > max(least, channel != "mix" and max(counts) > 1) for n in counts
    )
    assert (found is not None) == possible
    assert len(asked) == len(set(asked))
    assert not found or (found.sample_rate in rates and found.channels in counts)


def stereo_48k(speech: FloatArray) -> bytes:
    """The same in two channels at 48 kHz, one louder than the other; int16 interleaved."""
    high = resample(speech, 16000, 48000)
    return to_pcm16(np.stack([1.2 * high, 0.8 * high], axis=1)).tobytes()


def converted(data: bytes, sizes: list[int], channel: int | str = "mix") -> FloatArray:
    converter = Converter(CaptureFormat(48000, 2), 16000, channel)  # type: ignore[arg-type]
    parts, start = [], 0
    for size in sizes:
        parts.append(converter.resample(converter.mono(data[start : start + 4 * size])))
        start += 4 * size
    return np.concatenate([*parts, converter.flush()])


@pytest.fixture(scope="module")
def speech() -> FloatArray:
    return read_audio(demo_recording(), 16000)


def test_a_word_at_48_khz_stereo_is_the_same_word(model_path: Path, speech: FloatArray) -> None:
    data = stereo_48k(speech)
    same = converted(data, [960] * (len(data) // 4 // 960 + 1))
    assert len(same) == pytest.approx(len(speech), abs=2)
    both = min(len(same), len(speech))
    # the resampler is flat to 7.2 kHz or so; above there is little of speech
    assert level_dbfs(same[:both] - speech[:both]) < level_dbfs(speech) - 30

    classifier = Classifier.load(model_path)
    expected, found = (KeywordSpotter(classifier).push(audio) for audio in (speech, same))
    assert len(expected) > 5
    assert [d.label for d in found] == [d.label for d in expected]
    assert [d.sample for d in found] == [d.sample for d in expected]
    assert [d.score for d in found] == pytest.approx([d.score for d in expected], abs=0.05)


@settings(deadline=None)
@given(sizes=st.lists(st.integers(0, 3000), max_size=30))
def test_packets_of_any_size_give_one_unbroken_stream(sizes: list[int]) -> None:
    total = sum(sizes)
    tone = np.sin(2 * np.pi * 440 * np.arange(total) / 48000).astype(np.float32) / 2
    data = to_pcm16(np.stack([tone, tone], axis=1)).tobytes()
    parts, whole = converted(data, sizes), converted(data, [total])
    assert np.allclose(parts, whole, atol=1e-4)
    assert len(whole) == pytest.approx(total / 3, abs=1)
    reference = soxr.resample(tone, 48000, 16000)
    assert np.allclose(whole, reference, atol=1e-3)


def test_a_channel_is_chosen_or_all_are_mixed() -> None:
    data = np.array([[100, 300], [-200, 600]], "<i2").tobytes()
    for channel, expected in ((0, [100, -200]), (1, [300, 600]), ("mix", [200, 200])):
        converter = Converter(CaptureFormat(16000, 2), 16000, channel)  # type: ignore[arg-type]
        assert converter.resample(converter.mono(data)) * 32768 == pytest.approx(expected)
        assert len(converter.flush()) == 0
