"""The microphone, through a real sound server with a virtual source."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from sink_parts import wait_for
from virtual_microphone import VirtualMicrophone, virtual_microphone

from kws_edge.audio.files import read_audio, write_wav
from kws_edge.model.file import demo_recording

pytestmark = pytest.mark.xdist_group("sound")

COMMAND = [sys.executable, "-m", "kws_edge"]


microphone = pytest.fixture(virtual_microphone)


def started(microphone: VirtualMicrophone, *arguments: str) -> "subprocess.Popen[str]":
    process = subprocess.Popen(
        [*COMMAND, "listen", "--json", *arguments],
        env=microphone.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    for line in process.stderr:
        if "listening to the microphone" in line:
            return process
    raise AssertionError(f"it did not start: exit code {process.wait()}")


def test_words_played_to_the_microphone_are_spotted(
    microphone: VirtualMicrophone, tmp_path: Path
) -> None:
    demo = tmp_path / "demo.wav"
    silence = np.zeros(16000, np.float32)
    write_wav(demo, np.concatenate([silence, read_audio(demo_recording(), 16000)]), 16000)
    process = started(microphone)
    time.sleep(1.5)  # the first block can take so long
    microphone.play(demo)
    time.sleep(0.5)
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=10)
    assert process.returncode == 0, errors
    events = [json.loads(line) for line in output.splitlines()]
    assert events[0]["state"] == "open"
    assert events[-1]["type"] == "stopped"
    live = [event["label"] for event in events if event["type"] == "detection"]
    alone = subprocess.run(
        [*COMMAND, "listen", "--json", "--input", str(demo)],
        capture_output=True,
        text=True,
        check=True,
    )
    offline = [json.loads(line)["label"] for line in alone.stdout.splitlines()]
    # decisions fall at other samples of the words than offline, so that one on the edge
    # of the threshold may differ
    common = sum(min(live.count(label), offline.count(label)) for label in set(offline))
    assert len(offline) >= 5
    assert common >= len(offline) - 2, (live, offline)
    assert len(live) <= len(offline) + 2, (live, offline)


def test_devices_marks_the_default(microphone: VirtualMicrophone) -> None:
    result = subprocess.run(
        [*COMMAND, "devices", "--json"],
        env=microphone.environment,
        capture_output=True,
        text=True,
        check=True,
    )
    devices = [json.loads(line) for line in result.stdout.splitlines()]
    assert [device["name"] for device in devices if device["default"]] == ["default"]
    assert all(device["channels"] > 0 for device in devices)
    (default,) = [device for device in devices if device["default"]]
    assert default["works"] == {"16000": [1, 2, 32], "44100": [1, 2, 32], "48000": [1, 2, 32]}


def test_devices_on_a_terminal(microphone: VirtualMicrophone) -> None:
    listed = subprocess.run(
        [*COMMAND, "devices"],
        env=microphone.environment,
        capture_output=True,
        text=True,
        check=True,
    )
    marked = [line for line in listed.stdout.splitlines() if line.startswith("*")]
    assert len(marked) == 1
    assert "default  (16, 44.1, 48 kHz with 1, 2 or 32 channels)" in marked[0]
    assert not listed.stderr


def test_a_device_by_name(microphone: VirtualMicrophone) -> None:
    process = started(microphone, "--device", "default")
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=10) == 0


def test_a_device_that_is_not_there(microphone: VirtualMicrophone) -> None:
    result = subprocess.run(
        [*COMMAND, "listen", "--device", "Telephone"],
        env=microphone.environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 69
    assert "cannot open microphone 'Telephone'" in result.stderr
    assert "kws-edge devices" in result.stderr


def test_listen_outlives_its_microphone(microphone: VirtualMicrophone) -> None:
    process = started(microphone)
    assert process.stderr
    microphone.stop()
    # PortAudio says three to five lines of its own, by where the loss finds it
    line = next(line for line in process.stderr if "kws-edge" in line)
    assert "microphone lost: default, 16000 Hz, 1 channel: the stream ended" in line
    microphone.start()
    assert "kws-edge: microphone back: default" in process.stderr.readline()
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=20)
    assert process.returncode == 0, errors
    assert "Traceback" not in errors


def test_an_ambiguous_name_lists_the_candidates(microphone: VirtualMicrophone) -> None:
    microphone.add_device("usb_camera", "speaker.monitor")
    microphone.add_device("usb_headset", "speaker.monitor")
    result = subprocess.run(
        [*COMMAND, "listen", "--device", "USB"],
        env=microphone.environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 69
    (line,) = [line for line in result.stderr.splitlines() if "kws-edge: " in line]
    assert "several are called so: 0 usb_camera, 1 usb_headset" in line


def test_a_microphone_for_a_short_session_ends_with_an_error(
    microphone: VirtualMicrophone,
) -> None:
    code = (
        "import kws_edge\n"
        "with kws_edge.Microphone() as microphone:\n"
        "    for block in microphone.blocks():\n"
        "        print(len(block.samples), flush=True)\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        env=microphone.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout
    assert process.stdout.readline() == "320\n"
    microphone.stop()
    _, errors = process.communicate(timeout=20)
    assert "AudioDeviceError: no audio from the microphone any more" in errors


def test_the_public_generator_spots_what_the_microphone_records(
    microphone: VirtualMicrophone,
) -> None:
    code = (
        "import kws_edge\n"
        "for found in kws_edge.listen(model='mfcc-int8'):\n"
        "    print(found.label, round(found.score, 2), flush=True)\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        env=microphone.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    wait_for(lambda: microphone.control("list", "short", "source-outputs"), "the program to record")
    microphone.play(demo_recording())
    microphone.stop()
    # no readline before: it would buffer lines that communicate does not return
    output, errors = process.communicate(timeout=30)
    labels = [line.split()[0] for line in output.splitlines()]
    assert len(labels) >= 5, errors
    assert set(labels) <= {"down", "go", "left", "no", "right", "stop", "up", "yes"}
    assert "AudioDeviceError: no audio from the microphone any more" in errors


@pytest.mark.parametrize("command", [["listen"], ["devices"]])
def test_no_microphone_at_all(command: list[str], tmp_path: Path) -> None:
    none = tmp_path / "asound.conf"
    none.write_text("pcm.!default { type hw card 99 }\nctl.!default { type hw card 99 }\n")
    result = subprocess.run(
        [*COMMAND, *command],
        env={"PATH": "/usr/bin:/bin", "ALSA_CONFIG_PATH": str(none), "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    assert result.returncode == 69, result.stderr
    lines = [line for line in result.stderr.splitlines() if line.startswith("kws-edge: ")]
    assert len(lines) == 1
    assert "Traceback" not in result.stderr


def test_no_portaudio(tmp_path: Path) -> None:
    """The library hidden from the loader, as on a system without it."""
    code = (
        "import ctypes.util; ctypes.util.find_library = lambda name: None\n"
        "from kws_edge.cli import entry_point; entry_point()"
    )
    for command in ("listen", "devices"):
        result = subprocess.run(
            [sys.executable, "-c", code, command],
            capture_output=True,
            text=True,
            check=False,
            timeout=30,
        )
        assert result.returncode == 69
        assert "the PortAudio library is missing: apt install libportaudio2" in result.stderr
