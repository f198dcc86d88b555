"""A real device that does 48 kHz in two channels and nothing else: one of JACK's.

What PulseAudio plays to its JACK sink, PortAudio records from JACK.
"""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from listener import Listener
from virtual_microphone import VirtualMicrophone, missing_programs

from kws_edge.audio.files import read_audio, write_wav
from kws_edge.detection.detector import Detection
from kws_edge.model.classifier import Classifier
from kws_edge.model.file import demo_recording
from kws_edge.spotter import KeywordSpotter

pytestmark = pytest.mark.xdist_group("sound")

RATE = 16000
# -S: each period waits for its clients, so that none is lost on a busy machine
JACKD = ("jackd", "-r", "-S", "-d", "dummy", "-r", "48000", "-p", "4096", "-C", "2", "-P", "2")


@pytest.fixture
def studio(tmp_path: Path) -> Iterator[VirtualMicrophone]:
    if missing := missing_programs(("jackd", "jack_wait")):
        pytest.skip(f"needs {', '.join(missing)}: apt install jackd2 pulseaudio-module-jack")
    with VirtualMicrophone() as virtual:
        virtual.stop()
        virtual.environment |= {
            "JACK_DEFAULT_SERVER": f"kws-edge-{os.getpid()}",
            "JACK_NO_AUDIO_RESERVATION": "1",
            "JACK_NO_START_SERVER": "1",
        }
        with (tmp_path / "jackd.log").open("w") as log:
            jackd = subprocess.Popen(JACKD, env=virtual.environment, stdout=log, stderr=log)
        try:
            wait = ("jack_wait", "--wait", "--timeout", "20")
            subprocess.run(wait, env=virtual.environment, check=True, capture_output=True)
            virtual.start()
            try:
                virtual.control(
                    "load-module",
                    "module-jack-sink",
                    "sink_name=studio",
                    "client_name=studio",
                    "channels=2",
                    "connect=no",
                )
            except RuntimeError:
                pytest.skip("needs the JACK sink: apt install pulseaudio-module-jack")
            yield virtual
        finally:
            virtual.stop()
            jackd.terminate()  # killed, it would stay in JACK's list, which has room for eight
            try:
                jackd.wait(timeout=20)
            except subprocess.TimeoutExpired:
                jackd.kill()
                jackd.wait()


@pytest.mark.slow
def test_words_heard_at_48_khz_stereo_are_the_words(
    studio: VirtualMicrophone, model_path: Path, tmp_path: Path
) -> None:
    played, recorded = tmp_path / "played.wav", tmp_path / "recorded.wav"
    speech = read_audio(demo_recording(), RATE)[: 12 * RATE]
    silence = np.zeros(RATE, np.float32)
    write_wav(played, np.concatenate([silence, speech, silence]), RATE)
    arguments = ("--device", "studio", "--channel", 1, "--save", recorded)
    with Listener(studio.environment, *arguments) as listener:
        opened = listener.wait_for("state", "open")
        assert "studio, 48000 Hz, 2 channels" in opened["reason"]
        studio.play(played, "studio")
        counts = listener.stop()
        seconds = listener.wait_for("stopping")["at"] - opened["at"]
    assert counts["samples"] / RATE == pytest.approx(seconds, abs=0.5)

    def spotted(path: Path) -> list[Detection]:
        return KeywordSpotter(Classifier.load(model_path)).push(read_audio(path, RATE))

    expected, found = spotted(played), spotted(recorded)
    assert len(expected) >= 4
    common = [d.label for d in found if d.label in {e.label for e in expected}]
    # decisions fall at other samples of the words
    assert len(common) >= len(expected) - 1, (found, expected)
    assert len(found) <= len(expected) + 1, (found, expected)
