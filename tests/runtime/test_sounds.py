"""Every kind of sound file through every reader of the runtime: one corpus, one answer each."""

import importlib
import io
import os
import struct
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
import soundfile
import sounds
from conftest import Command
from hypothesis import given, settings
from hypothesis import strategies as st
from sounds import PASSED_OVER, RATE, READ, REFUSED, TONE, fill, written

from kws_edge.audio.files import audio_files, one_window, read_audio, read_window
from kws_edge.errors import DataError, KwsEdgeError
from kws_edge.sources.base import AudioFile
from kws_edge.sources.pipe import REFUSED as REFUSED_IN_PIPES
from kws_edge.sources.pipe import AudioPipe, StreamFormat
from kws_edge.types import FloatArray

MIDDLE = slice(RATE // 4, RATE // 2)


@pytest.mark.parametrize("name", READ)
def test_every_format_gives_its_samples(name: str, tmp_path: Path) -> None:
    make, error = READ[name]
    make(tmp_path / name)
    whole = read_audio(tmp_path / name, RATE)
    assert whole.dtype == np.float32
    assert abs(len(whole) - RATE) < 2500, "codecs fill their last block"
    # codecs delay: the tone comes with any phase
    fit = np.stack([np.sin(2 * np.pi * 440 * np.arange(RATE) / RATE + p) for p in (0, np.pi / 2)])
    basis = fit[:, MIDDLE].T
    weights = np.linalg.lstsq(basis, whole[MIDDLE], rcond=None)[0]
    assert np.hypot(*weights) == pytest.approx(0.25, rel=0.1)
    assert np.abs(basis @ weights - whole[MIDDLE]).max() < max(error, 1e-6) + 0.01
    if error < 0.01:
        assert np.abs(whole[:RATE] - TONE).max() < error
    blocks = [block.samples for block in AudioFile(tmp_path / name, RATE).blocks()]
    assert np.array_equal(np.concatenate(blocks), whole)
    assert np.array_equal(read_window(tmp_path / name, RATE, 4000), one_window(whole, 4000))


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_sound_is_refused_by_name(name: str, tmp_path: Path) -> None:
    make, message = REFUSED[name]
    path = tmp_path / name
    make(path)
    for read in (
        lambda: read_audio(path, RATE),
        lambda: read_window(path, RATE, RATE),
        lambda: list(AudioFile(path, RATE).blocks()),
    ):
        with pytest.raises(DataError) as fault:
            read()
        assert str(fault.value).startswith(f"{path}: ")
        assert message in str(fault.value)


def test_predict_goes_through_a_folder_of_everything(
    tmp_path: Path, run_command: Command, model_path: Path
) -> None:
    folder = fill(tmp_path / "mixed", READ, REFUSED, PASSED_OVER)
    assert {path.name for path in audio_files(folder)} == {*READ, *REFUSED}
    result = run_command("predict", folder, "--model", model_path)
    assert result.returncode == 65
    assert [line.split("\t")[0] for line in result.stdout.splitlines()] == sorted(
        str(folder / name) for name in READ
    )
    faults = [line for line in result.stderr.splitlines() if line.startswith("kws-edge: ")]
    assert [line.split(": ")[1] for line in faults] == sorted(str(folder / n) for n in REFUSED)


def test_an_hour_is_predicted_in_little_memory(tmp_path: Path) -> None:
    path = tmp_path / "hour.wav"
    sounds.WAV(path)
    size = 2 * RATE * 3600
    content = bytearray(path.read_bytes())
    content[sounds.WAV_LENGTH : sounds.WAV_LENGTH + 4] = struct.pack("<I", size)
    path.write_bytes(content)
    os.truncate(path, 44 + size)  # zeros that take no room on the disk
    command = [sys.executable, "-m", "kws_edge", "predict", str(path)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE)
    assert process.stdout is not None
    output = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    process.stdout.close()
    assert process.returncode == 0
    assert output.startswith(os.fsencode(path))
    assert usage.ru_maxrss < 150_000  # KB; 70,000 to 90,000 were measured


def test_what_is_read_as_a_whole_has_a_limit(tmp_path: Path) -> None:
    sounds.WAV(tmp_path / "a.wav")
    assert len(read_audio(tmp_path / "a.wav", RATE, longest=1.0)) == RATE
    with pytest.raises(DataError, match=r"a.wav: longer than 0.5 s; cut it"):
        read_audio(tmp_path / "a.wav", RATE, longest=0.5)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 3 * RATE), st.integers(1, RATE), st.integers(0, 2**32 - 1))
def test_the_loudest_window_is_the_same_in_any_blocks(
    tmp_path_factory: pytest.TempPathFactory, count: int, length: int, seed: int
) -> None:
    """Against the definition; a file comes in blocks where it has many channels."""
    rng = np.random.default_rng(seed)
    samples = (rng.integers(-300, 300, count + 1) / 32768).astype(np.float32)
    path = tmp_path_factory.mktemp("window") / "many.wav"
    soundfile.write(path, np.repeat(samples[:, None], 256, axis=1), RATE, "PCM_16")
    sums = np.concatenate([[0.0], np.cumsum(np.square(samples, dtype=np.float64))])
    padded = np.pad(samples, (0, max(0, length - len(samples))))
    start = int(np.argmax(sums[length:] - sums[:-length])) if len(samples) > length else 0
    assert np.array_equal(read_window(path, RATE, length), padded[start : start + length])


def through_a_pipe(data: bytes, raw: StreamFormat | None = None) -> FloatArray:
    pipe = AudioPipe(io.BytesIO(data), RATE, raw)
    return np.concatenate([block.samples for block in pipe.blocks()])


STREAMED = [
    ("WAV", subtype)
    for subtype in ("PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE", "ULAW", "ALAW")
]
STREAMED += [("AU", subtype) for subtype in ("PCM_S8", "PCM_16", "PCM_24", "FLOAT", "ULAW")]
STREAMED += [("WAVEX", "PCM_16"), ("WAVEX", "FLOAT"), ("RF64", "PCM_24")]


@pytest.mark.parametrize(("container", "subtype"), STREAMED)
@pytest.mark.parametrize(("rate", "channels"), [(RATE, 1), (44100, 2)])
def test_a_stream_of_wav_or_au_is_the_file(
    container: str, subtype: str, rate: int, channels: int, tmp_path: Path
) -> None:
    path = tmp_path / "sound"
    written(container, subtype, rate, channels)(path)
    data = path.read_bytes() if container == "RF64" else path.read_bytes() + b"LIST\4\0\0\0more"
    if container == "AU":  # says its length too
        data = path.read_bytes()
    assert np.array_equal(through_a_pipe(data), read_audio(path, RATE))


def test_a_stream_of_open_length_ends_with_the_pipe(tmp_path: Path) -> None:
    for length in (0, 0x7FFFFFFF, 0xFFFFFFFF, 0x80000000):
        path = tmp_path / "open.wav"
        sounds.patched(sounds.WAV, sounds.WAV_LENGTH, struct.pack("<I", length))(path)
        assert np.abs(through_a_pipe(path.read_bytes()) - TONE).max() < 1e-4


def test_raw_pcm_of_another_rate_and_more_channels(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    written("WAV", "PCM_16", 48000, 2)(path)
    raw = StreamFormat(48000, 2)
    assert np.array_equal(through_a_pipe(path.read_bytes()[44:], raw), read_audio(path, RATE))
    with pytest.raises(DataError, match="ends within a sample; expected 16-bit PCM, channels: 2"):
        through_a_pipe(b"\0\0\0\0\0\0", raw)


@pytest.mark.parametrize("magic", REFUSED_IN_PIPES)
def test_other_formats_in_a_pipe_are_refused_by_name(magic: bytes) -> None:
    with pytest.raises(DataError, match=r"^standard input: is .*, which cannot be read from a"):
        through_a_pipe(magic + bytes(100))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"RIFF\0\0\0\0AVI LIST", "a RIFF file of kind b'AVI ', expected WAVE"),
        (b"RIFF\0\0\0\0WAVEdata\4\0\0\0\0\0\0\0", "without a format before the samples"),
        (b"RIFF\0\0\0\0WAVEfmt \2\0\0\0\1\0data\4\0\0\0", "format is cut short"),
        (b"RIFF\0\0\0\0WAVE", "a sound header without samples behind it"),
        (b".snd\0\0\0\x18", "a sound header without samples behind it"),
        (b".snd" + struct.pack(">5I", 24, 8, 99, RATE, 1), "is AU with encoding 99"),
        (b".snd" + struct.pack(">5I", 24, 8, 3, 1, 1), "has a sample rate of 1 Hz"),
        (b".snd" + struct.pack(">5I", 24, 8, 3, RATE, 99), "has 99 channels, expected 1 to 64"),
        (b"RIFF\0\0\0\0WAVEjunk" + struct.pack("<I", 2**21) + bytes(2**21), "without samples"),
    ],
)
def test_a_damaged_header_in_a_pipe_is_refused(data: bytes, message: str) -> None:
    with pytest.raises(DataError, match=f"^standard input: .*{message}"):
        through_a_pipe(data)


@pytest.mark.parametrize("name", ["nan.wav", "infinite.wav", "int16_as_float.wav"])
def test_samples_from_a_pipe_have_bounds_too(name: str, tmp_path: Path) -> None:
    make, message = REFUSED[name]
    make(tmp_path / name)
    with pytest.raises(DataError, match=f"^standard input: .*{message}"):
        through_a_pipe((tmp_path / name).read_bytes())


@settings(deadline=None)
@given(st.sampled_from(("WAV", "AU", "WAVEX")), st.binary(max_size=60), st.integers(0, 80))
def test_no_header_in_a_pipe_does_more_than_refuse(kind: str, data: bytes, place: int) -> None:
    file = io.BytesIO()
    soundfile.write(file, TONE[:400], RATE, "PCM_16", format=kind)
    content = file.getvalue()[:place] + data + file.getvalue()[place + len(data) :]
    try:
        samples = through_a_pipe(content)
    except KwsEdgeError:
        return
    assert np.isfinite(samples).all()


def test_wav_on_standard_input_is_spotted_as_the_file_is(run_command: Command) -> None:
    from kws_edge.model.file import demo_recording

    from_file = run_command("listen", "--input", demo_recording(), "--json")
    with demo_recording().open("rb") as file:
        from_pipe = run_command("listen", "--input", "-", "--json", stdin=file)
    strip = [
        [line.split('"utc"')[0] for line in result.stdout.splitlines()]
        for result in (from_file, from_pipe)
    ]
    assert len(strip[0]) > 5
    assert strip[0] == strip[1]


def test_a_fifo_asked_for_by_name_is_read(
    tmp_path: Path, run_command: Command, model_path: Path
) -> None:
    fifo, sound = tmp_path / "fifo", tmp_path / "a.flac"
    os.mkfifo(fifo)
    sounds.FLAC(sound)
    writer = threading.Thread(target=lambda: fifo.write_bytes(sound.read_bytes()))
    writer.start()
    result = run_command("predict", fifo, "--model", model_path)
    writer.join()
    assert result.returncode == 0, result.stderr
    assert result.stdout.startswith(f"{fifo}\t")


def test_rate_and_channels_are_for_pipes(word_file: Path, run_command: Command) -> None:
    result = run_command("listen", "--input", word_file, "--rate", 48000)
    assert result.returncode == 2
    assert "--rate and --channels describe raw PCM, with --input -" in result.stderr


@pytest.mark.parametrize(
    "surroundings",
    [{"LANG": "C", "LC_ALL": "C"}, {"PYTHONIOENCODING": "latin-1"}, {"PYTHONIOENCODING": "ascii"}],
    ids=str,
)
def test_file_names_that_are_no_text_do_not_end_a_batch(
    surroundings: dict[str, str], tmp_path: Path, run_command: Command, model_path: Path
) -> None:
    names = [b"a\xff.wav", "b\N{SNOWMAN}\N{GRINNING FACE}.wav".encode(), b"c.wav"]
    for name in names:
        sounds.WAV(Path(os.fsdecode(os.fsencode(tmp_path) + b"/" + name)))
    (tmp_path / os.fsdecode(b"d\xfe.wav")).write_text("no sound")
    environment = {**os.environ, **surroundings}
    result = run_command(
        "predict", tmp_path, "--json", "--model", model_path, env=environment, errors="replace"
    )
    assert result.returncode == 65
    assert len(result.stdout.splitlines()) == 3
    assert "not an audio file" in result.stderr
    assert "Traceback" not in result.stderr


def test_mutated_headers_do_no_harm() -> None:
    """The first cases of the fuzz command, which runs as many as asked for."""
    result = importlib.import_module("fuzz.audio").run(150, 0)
    assert result["cases"] == 150
    assert [result[fault] for fault in ("tracebacks", "crashes", "hangs")] == [0, 0, 0]
