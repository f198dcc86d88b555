"""A microphone that is lost comes back, with a real sound server that is killed, stopped,
restarted, and loses its source."""

import os
import random
import signal
import time
from pathlib import Path

import numpy as np
import pytest
from conftest import noise
from listener import Listener
from virtual_microphone import VirtualMicrophone, virtual_microphone

from kws_edge.audio.files import write_wav

pytestmark = pytest.mark.xdist_group("sound")

RATE = 16000
CYCLES = int(os.environ.get("KWS_EDGE_RECOVERY_CYCLES", "100"))


def soon() -> float:
    """Seconds that a recovery may take: two, unless the machine is hopelessly busy."""
    return 2.0 if os.getloadavg()[0] <= 3 * (os.cpu_count() or 1) else 8.0


microphone = pytest.fixture(virtual_microphone)


def test_a_killed_sound_server_is_told_once_and_time_goes_on(
    microphone: VirtualMicrophone,
) -> None:
    with Listener(microphone.environment) as listener:
        opened = listener.wait_for("state", "open")
        microphone.stop()
        lost = listener.wait_for("state", "lost")
        assert "unplugged, or the sound server stopped" in lost["reason"]
        time.sleep(2)  # several attempts to open it
        microphone.start()
        returned = time.monotonic()
        back = listener.wait_for("state", "back")
        assert back["at"] - returned < soon()
        counts = listener.stop()
        ended = listener.wait_for("stopping")["at"]
        assert listener.states == ["open", "lost", "back"]
        assert counts["restarts"] == 1
        assert counts["samples_lost"] >= 2 * RATE
        assert counts["samples"] / RATE == pytest.approx(ended - opened["at"], abs=0.3)
        assert listener.process.stderr
        assert "ALSA" not in listener.process.stderr.read()


@pytest.mark.slow
def test_it_comes_back_every_time(microphone: VirtualMicrophone) -> None:
    """KWS_EDGE_RECOVERY_CYCLES sets how often; outages of 0 to 1.5 s."""
    chance, waits = random.Random(1), []
    with Listener(microphone.environment) as listener:
        listener.wait_for("state", "open")
        for _ in range(CYCLES):
            time.sleep(chance.uniform(0, 0.1))
            killed = time.monotonic()
            microphone.stop()
            listener.wait_for("state", "lost", after=killed)
            time.sleep(chance.uniform(0, 1.5) if chance.random() < 0.5 else 0)
            microphone.start()
            returned = time.monotonic()
            waits.append(listener.wait_for("state", "back", after=killed)["at"] - returned)
        counts = listener.stop()
        assert counts["restarts"] == CYCLES
        assert listener.states == ["open", *["lost", "back"] * CYCLES]
    assert max(waits) < soon(), sorted(waits)[-5:]


def test_a_microphone_that_is_absent_at_the_start(microphone: VirtualMicrophone) -> None:
    microphone.stop()
    with Listener(microphone.environment, "--wait") as listener:
        assert "there is none" in listener.wait_for("state", "lost")["reason"]
        time.sleep(1)
        microphone.start()
        returned = time.monotonic()
        assert listener.wait_for("state", "back")["at"] - returned < soon()
        counts = listener.stop()
    assert listener.states == ["lost", "back"]
    assert counts["samples_lost"] == counts["restarts"] == 0


def test_without_waiting_an_absent_microphone_is_an_error(microphone: VirtualMicrophone) -> None:
    microphone.stop()
    with Listener(microphone.environment) as listener:
        assert "cannot open the default microphone" in listener.wait_for("error")["error"]
        assert listener.process.wait(timeout=10) == 69
    assert listener.states == []


def test_a_source_that_is_unplugged_and_plugged_in_again(microphone: VirtualMicrophone) -> None:
    microphone.add_device("usb_microphone", "speaker.monitor")
    with Listener(microphone.environment, "--device", "USB_mic") as listener:
        assert "usb_microphone" in listener.wait_for("state", "open")["reason"]
        for _ in range(3):
            pulled = time.monotonic()
            microphone.unplug()
            listener.wait_for("state", "lost", after=pulled)
            time.sleep(0.5)
            microphone.plug()
            returned = time.monotonic()
            assert listener.wait_for("state", "back", after=pulled)["at"] - returned < soon()
        assert listener.stop()["restarts"] == 3
        assert listener.states == ["open", *["lost", "back"] * 3]


@pytest.mark.slow
def test_a_sound_server_that_hangs(microphone: VirtualMicrophone) -> None:
    """PortAudio cannot even close the stream then; the program goes on all the same."""
    with Listener(microphone.environment) as listener:
        listener.wait_for("state", "open")
        microphone.pause()
        assert "no audio for 3 s" in listener.wait_for("state", "lost")["reason"]
        time.sleep(0.5)
        microphone.resume()
        resumed = time.monotonic()
        assert listener.wait_for("state", "back")["at"] - resumed < soon()
        listener.stop()
        assert listener.states == ["open", "lost", "back"]


@pytest.mark.parametrize("state", ["open", "lost", pytest.param("hanging", marks=pytest.mark.slow)])
def test_it_closes_promptly(microphone: VirtualMicrophone, state: str) -> None:
    with Listener(microphone.environment) as listener:
        listener.wait_for("state", "open")
        {"open": microphone.resume, "lost": microphone.stop, "hanging": microphone.pause}[state]()
        listener.wait_for("state", "open" if state == "open" else "lost")
        listener.stop()
        closed = listener.wait_for("closed_in")
        assert closed["at"] - listener.wait_for("stopping")["at"] < 0.5
        microphone.resume()


@pytest.mark.slow
def test_waiting_costs_little(microphone: VirtualMicrophone) -> None:
    microphone.stop()
    with Listener(microphone.environment, "--wait") as listener:
        first = listener.wait_for("state", "lost")
        time.sleep(5)
        assert listener.stop()["cpu"] < 1.5, "about 0.5 s of it are the start"
        assert listener.states == ["lost"]
        assert listener.events[-1]["at"] - first["at"] > 5


def test_a_sleep_of_the_machine_moves_the_stream_clock(microphone: VirtualMicrophone) -> None:
    """The clock reports a sleep; the sound server, as after a real one, goes on."""
    with Listener(microphone.environment, "--nap", 3600) as listener:
        listener.wait_for("state", "open")
        listener.process.send_signal(signal.SIGUSR1)
        lost = listener.wait_for("lost")
        assert lost["lost"] == pytest.approx(3600 * RATE, abs=RATE)
        assert "missing by the clock" in lost["reason"]
        assert listener.stop()["samples_lost"] == pytest.approx(3600 * RATE, abs=RATE)
    assert listener.states == ["open"]


def test_a_reader_that_stalls_loses_blocks_and_time_stays_right(
    microphone: VirtualMicrophone,
) -> None:
    arguments = ("--queue", 0.5, "--slow", 2)
    with Listener(microphone.environment, *arguments) as listener:
        opened = listener.wait_for("state", "open")
        lost = listener.wait_for("lost")
        assert "queue was full" in lost["reason"]
        assert RATE < lost["lost"] < 2 * RATE
        counts = listener.stop()
        assert counts["blocks_dropped"] == pytest.approx(lost["lost"] / 320)
        seconds = listener.wait_for("stopping")["at"] - opened["at"]
        assert counts["samples"] / RATE == pytest.approx(seconds, abs=0.3)


@pytest.mark.slow
def test_a_program_that_was_stopped_finds_out_what_it_missed(
    microphone: VirtualMicrophone,
) -> None:
    """SIGSTOP: the sound server drops what nobody fetches, and PortAudio may not report it."""
    with Listener(microphone.environment) as listener:
        opened = listener.wait_for("state", "open")
        listener.process.send_signal(signal.SIGSTOP)
        time.sleep(6)
        listener.process.send_signal(signal.SIGCONT)
        time.sleep(5)
        counts = listener.stop()
        seconds = listener.wait_for("stopping")["at"] - opened["at"]
        assert counts["samples"] / RATE == pytest.approx(seconds, abs=0.5)


def test_silence_is_noticed_and_so_is_its_end(
    microphone: VirtualMicrophone, tmp_path: Path
) -> None:
    write_wav(tmp_path / "noise.wav", noise(RATE), RATE)
    with Listener(microphone.environment, "--silence", 1) as listener:
        silent = listener.wait_for("state", "silent")
        assert silent["sample"] == pytest.approx(RATE, abs=640)
        microphone.play(tmp_path / "noise.wav")
        sound = listener.wait_for("state", "sound")
        listener.wait_for("state", "silent", after=sound["at"])
        listener.stop()
    assert listener.states == ["open", "silent", "sound", "silent"]


def test_a_chosen_channel(microphone: VirtualMicrophone, tmp_path: Path) -> None:
    """Two channels with a signal in the second alone."""
    import soundfile

    microphone.control(
        "load-module",
        "module-null-sink",
        "sink_name=stereo",
        "rate=16000",
        "channels=2",
        "norewinds=1",
    )
    microphone.add_device("stereo", "stereo.monitor")
    both = np.stack([np.zeros(RATE, np.float32), noise(RATE)], axis=1)
    soundfile.write(tmp_path / "right.wav", both, RATE)
    levels = {}
    for channel in (0, 1):
        arguments = (
            "--device",
            "stereo",
            "--channel",
            channel,
            "--save",
            tmp_path / "recorded.wav",
        )
        with Listener(microphone.environment, *arguments) as listener:
            assert "2 channels" in listener.wait_for("state", "open")["reason"]
            microphone.play(tmp_path / "right.wav", "stereo")
            levels[channel] = listener.stop()["level"]
    assert levels[0] is None or levels[0] < -60
    assert levels[1] > -30
