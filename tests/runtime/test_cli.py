"""The commands, run as a user runs them."""

import json
import os
import signal
import subprocess
import sys
import zipfile
from pathlib import Path

import click
import numpy as np
import pytest
import soundfile
from conftest import Command, noise

from kws_edge.audio.files import read_audio, to_pcm16, write_wav
from kws_edge.cli import Commands, main
from kws_edge.model.file import DEFAULT_MODEL, bundled_models, demo_recording

LABELS = ["down", "go", "left", "no", "right", "stop", "up", "yes"]


def test_help_and_version(run_command: Command) -> None:
    result = run_command("--help")
    assert result.returncode == 0
    for name in Commands.modules:
        assert f"  {name} " in result.stdout
        assert run_command(name, "--help").returncode == 0
    assert run_command("--version").stdout.startswith("kws-edge, version ")


def test_predict_json(run_command: Command, word_file: Path) -> None:
    result = run_command("predict", "--json", word_file)
    assert result.returncode == 0, result.stderr
    (line,) = result.stdout.splitlines()
    found = json.loads(line)
    assert set(found) == {"path", "label", "score", "posteriors"}
    assert found["path"] == str(word_file)
    assert list(found["posteriors"]) == [*LABELS, "_unknown_", "_silence_"]
    assert sum(found["posteriors"].values()) == pytest.approx(1, abs=0.05)
    assert found["score"] == max(found["posteriors"].values())
    assert found["posteriors"][found["label"]] == found["score"]


def test_predict_takes_any_rate_channels_format_and_folders(
    run_command: Command, tmp_path: Path
) -> None:
    word = read_audio(demo_recording(), 48000)[int(9.5 * 48000) : int(10.5 * 48000)]  # left
    (tmp_path / "sub").mkdir()
    soundfile.write(tmp_path / "a.flac", np.stack([word, word], axis=1), 48000)
    soundfile.write(tmp_path / "sub" / "b.ogg", word, 48000)
    soundfile.write(tmp_path / "c.WAV", word, 48000, subtype="FLOAT")
    result = run_command("predict", tmp_path)
    assert result.returncode == 0, result.stderr
    rows = [line.split("\t") for line in result.stdout.splitlines()]
    assert [Path(path).name for path, *_ in rows] == ["a.flac", "c.WAV", "b.ogg"]
    assert {label for _, label, _ in rows} == {"left"}


def test_bad_files_are_reported_one_by_one_and_the_rest_is_done(
    run_command: Command, word_file: Path, tmp_path: Path
) -> None:
    text, empty = tmp_path / "text.wav", tmp_path / "empty.wav"
    text.write_text("no sound")
    soundfile.write(empty, np.zeros(0), 16000)
    result = run_command("predict", text, word_file, empty, tmp_path / "none.wav", word_file)
    assert result.returncode == 66
    assert len(result.stdout.splitlines()) == 2
    errors = [line for line in result.stderr.splitlines() if line.startswith("kws-edge: ")]
    assert [line.split(": ")[1] for line in errors] == [
        str(text),
        str(empty),
        str(tmp_path / "none.wav"),
    ]


def test_listen_to_a_file_and_to_a_pipe_agree(run_command: Command) -> None:
    from_file = run_command("listen", "--input", demo_recording(), "--json")
    assert from_file.returncode == 0, from_file.stderr
    events = [json.loads(line) for line in from_file.stdout.splitlines()]
    assert len(events) >= 5
    assert set(events[0]) == {"schema", "type", "id", "label", "score", "sample", "time_s", "utc"}
    assert all(event["type"] == "detection" for event in events)
    assert [e["sample"] for e in events] == sorted(e["sample"] for e in events)

    pcm = to_pcm16(read_audio(demo_recording(), 16000)).tobytes()
    piped = subprocess.run(
        [sys.executable, "-m", "kws_edge", "listen", "--input", "-", "--json"],
        input=pcm,
        capture_output=True,
        check=True,
        timeout=60,
    )
    from_pipe = [json.loads(line) for line in piped.stdout.splitlines()]
    for event in (*events, *from_pipe):
        del event["utc"]
    assert from_pipe == events


def test_listen_to_another_rate_hears_the_same(run_command: Command, tmp_path: Path) -> None:
    path = tmp_path / "demo48.wav"
    samples = read_audio(demo_recording(), 48000)
    soundfile.write(path, np.stack([samples, samples], axis=1), 48000, subtype="FLOAT")
    outputs = [run_command("listen", "-i", i, "--json").stdout for i in (demo_recording(), path)]
    detected = [[json.loads(line) for line in output.splitlines()] for output in outputs]
    assert detected[0]
    assert [event["label"] for event in detected[0]] == [event["label"] for event in detected[1]]


@pytest.mark.slow
def test_the_demo_runs_in_real_time_and_compares(run_command: Command) -> None:
    import time

    started = time.monotonic()
    result = run_command("listen", "--demo")
    assert result.returncode == 0, result.stderr
    assert time.monotonic() - started >= 20
    *detections, comparison = result.stdout.splitlines()
    assert len(detections) >= 5
    assert comparison.startswith("spoken: 8 keywords and 5 other words; spotted ")
    assert comparison.endswith("and 0 times where no such keyword was spoken")


def test_thresholds_can_be_set(run_command: Command) -> None:
    low = run_command("listen", "-i", demo_recording(), "--threshold", 0.3)
    high = run_command("listen", "-i", demo_recording(), "--threshold", 0.999)
    assert len(low.stdout.splitlines()) > len(high.stdout.splitlines())


def test_info(run_command: Command, model_path: Path) -> None:
    result = run_command("info", model_path)
    assert result.returncode == 0
    assert ", ".join(LABELS) in result.stdout
    assert "49 x 10" in result.stdout
    with zipfile.ZipFile(model_path) as archive:
        packed = json.loads(archive.read("manifest.json"))
    # as files without them are read
    packed["detector"] = {
        "gate_dbfs": "off",
        "repeat_ms": "off",
        "rivals": "all",
        **packed["detector"],
    }
    assert json.loads(run_command("info", model_path, "--json").stdout) == packed


def test_info_of_a_model_with_presets_and_several_figures(run_command: Command) -> None:
    lines = run_command("info", "small-int8").stdout.splitlines()
    names = ("preset eager  threshold ", "accuracy      0.9", "accuracy of the words alone 0.9")
    assert all(any(line.startswith(name) for line in lines) for name in names), lines


def test_models_lists_what_ships(run_command: Command) -> None:
    lines = run_command("models").stdout.splitlines()
    listed = {line.lstrip("* ").split()[0]: line for line in lines[:-1]}
    assert list(listed) == list(bundled_models())
    marked = [name for name, line in listed.items() if line.startswith("* ")]
    assert marked == [DEFAULT_MODEL]
    assert ", ".join(LABELS) in listed["small-int8"]
    assert " 58 KB " in listed["small-int8"]
    assert listed["small-int8"].endswith("; presets quiet, eager")
    assert "presets" not in listed["mfcc-int8"]


def test_models_as_json(run_command: Command) -> None:
    models = {m["name"]: m for m in json.loads(run_command("models", "--json").stdout)}
    assert [name for name, model in models.items() if model["default"]] == [DEFAULT_MODEL]
    small = models["small-int8"]
    assert small["keywords"] == list(LABELS)
    assert small["presets"] == ["quiet", "eager"]
    assert small["size_kb"] == round(Path(small["path"]).stat().st_size / 1024, 1)


def test_check(run_command: Command, model_path: Path) -> None:
    result = run_command("check", "--model", model_path)
    assert result.returncode == 0, result.stdout + result.stderr
    assert ": ok; largest difference" in result.stdout


def test_check_tells_a_device_that_computes_otherwise(
    run_command: Command, model_path: Path, tmp_path: Path
) -> None:
    import dataclasses

    from kws_edge.model.file import pack_model, read_model

    model = read_model(model_path)
    other = model.manifest.probe.posteriors[::-1]
    manifest = dataclasses.replace(
        model.manifest, probe=dataclasses.replace(model.manifest.probe, posteriors=other)
    )
    path = tmp_path / "other.tflite"
    path.write_bytes(pack_model(manifest, model.flatbuffer))
    result = run_command("check", "--model", path)
    assert result.returncode == 1
    assert "DIFFERS" in result.stdout


def test_bench(run_command: Command) -> None:
    result = run_command("bench", "--json", "--repetitions", 20)
    found = json.loads(result.stdout)
    assert set(found["latency"]) == {"features", "model", "sum", "hop"}
    for latency in found["latency"].values():
        assert 0 < latency["median_ms"] <= latency["p95_ms"]
    assert "ms" in run_command("bench", "--repetitions", 20).stdout


def test_a_reader_that_leaves_is_no_fault() -> None:
    command = f"{sys.executable} -m kws_edge info --json | head -c 1"
    result = subprocess.run(
        ["bash", "-o", "pipefail", "-c", command], capture_output=True, text=True, check=False
    )
    assert result.stdout == "{"
    assert "Traceback" not in result.stderr


def test_no_tensorflow_and_no_audio_library_where_none_is_needed(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    write_wav(path, noise(16000), 16000)
    code = (
        "import sys; from kws_edge.cli import main;"
        "main(['predict', sys.argv[1]], standalone_mode=False);"
        "print(sorted({'tensorflow', 'sounddevice', 'soxr', 'scipy', 'matplotlib', 'librosa'}"
        " & set(sys.modules)))"
    )
    result = subprocess.run(
        [sys.executable, "-c", code, str(path)],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )
    assert result.stdout.splitlines()[-1] == "[]"


def test_a_file_without_its_option_is_answered_with_the_option(run_command: Command) -> None:
    result = run_command("listen", "x.wav")
    assert result.returncode == 2
    assert "a sound file: --input x.wav" in result.stderr


def test_no_summary_of_a_command_is_cut(run_command: Command) -> None:
    assert "..." not in run_command("--help").stdout.split("Commands:")[1]


def test_the_help_says_of_each_command_what_the_command_says() -> None:
    context = click.Context(main)
    for name in main.list_commands(context):
        command = main.get_command(context, name)
        assert command
        assert Commands.summaries[name] == command.get_short_help_str(100)


@pytest.mark.parametrize("arguments", [["--help"], ["--version"]])
def test_help_and_version_load_little(arguments: list[str]) -> None:
    result = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "kws_edge", *arguments],
        capture_output=True,
        text=True,
        check=True,
    )
    loaded = {line.rpartition("|")[2].strip() for line in result.stderr.splitlines()}
    assert not {"numpy", "yaml", "soundfile", "kws_edge.engine"} & loaded
    assert len({name for name in loaded if name.startswith("kws_edge")}) <= 8, loaded


def test_words_that_were_not_played_before_ctrl_c_are_not_missed() -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "kws_edge", "listen", "--demo"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout
    process.stdout.readline()  # the first word was spotted, at about 4 s of 20
    process.send_signal(signal.SIGINT)
    *_, comparison = process.stdout.read().splitlines()
    assert process.wait(timeout=20) == 0
    assert "missed" not in comparison
