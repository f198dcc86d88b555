"""The recordings check on real and synthetic voices, as they are and degraded: it names
the right remedy and no other. It uses validation clips; the test set stays unread."""

import shutil
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import noise
from degradations import clipped, cut, distant, narrow, noisy, offset, quieter

from kws_edge.audio.files import read_audio, write_wav
from kws_edge.model.file import find_model
from kws_edge.types import FloatArray
from training.data.clips import Clip, scan
from training.data.splits import split_clips
from training.evaluation.recordings.samples import (
    BUNDLED_REFERENCE,
    load_reference,
    measure_reference,
)
from training.evaluation.recordings.verdict import check_recordings

pytestmark = pytest.mark.slow

Degradation = Callable[[FloatArray, FloatArray, int], FloatArray]
Clips = Sequence[tuple[Clip, FloatArray]]

# the clip, a noise, a seed -> the clip degraded; what must be named of either kind
CASES: dict[str, tuple[Degradation, set[str], set[str]]] = {
    "clean": (lambda clip, noise, seed: clip, set(), set()),
    "quiet": (lambda clip, noise, seed: quieter(clip, -30), {"quiet"}, set()),
    "clipped": (lambda clip, noise, seed: clipped(clip, 30), {"clipped"}, set()),
    "noisy 10 dB": (lambda clip, noise, seed: noisy(clip, noise, 10, seed), {"noisy"}, set()),
    "noisy 0 dB": (lambda clip, noise, seed: noisy(clip, noise, 0, seed), {"noisy"}, set()),
    "distant": (lambda clip, noise, seed: distant(clip, 1, -6, seed), {"reverberant"}, set()),
    "cut": (lambda clip, noise, seed: cut(clip), {"cut"}, set()),
    "narrow": (lambda clip, noise, seed: narrow(clip), set(), {"narrow"}),
    "offset": (lambda clip, noise, seed: offset(clip, 0.05), set(), {"offset"}),
}


@pytest.fixture(scope="module")
def clips(recordings: Path) -> Clips:
    validation = split_clips(scan(recordings / "mini_speech_commands"), "official").validation
    return [(clip, read_audio(clip.path, 16000)) for clip in validation]


@pytest.fixture(scope="module", params=["doing_the_dishes", "running_tap", "pink_noise"])
def background(request: pytest.FixtureRequest, recordings: Path) -> FloatArray:
    return read_audio(recordings / "background_noise" / f"{request.param}.wav", 16000)


def judge(
    folder: Path,
    clips: Clips,
    degrade: Callable[[FloatArray, int], FloatArray],
    model: str = "mfcc-int8",
) -> dict[str, Any]:
    for number, (clip, samples) in enumerate(clips):
        target = folder / clip.label / clip.path.name
        target.parent.mkdir(parents=True, exist_ok=True)
        write_wav(target, degrade(samples, number), 16000)
    return check_recordings(folder, find_model(model), load_reference(BUNDLED_REFERENCE))


@pytest.mark.parametrize("name", [name for name in CASES if not name.startswith("noisy")])
def test_validation_clips(name: str, clips: Clips, tmp_path: Path) -> None:
    degrade, remedies, harmless = CASES[name]
    silence = np.zeros(16000, np.float32)
    verdict = judge(tmp_path, clips, lambda clip, seed: degrade(clip, silence, seed))
    assert set(verdict["remedies"]) == remedies, verdict["conclusion"]
    assert set(verdict["harmless"]) == harmless


@pytest.mark.parametrize("name", [name for name in CASES if name.startswith("noisy")])
def test_validation_clips_in_noise(
    name: str, clips: Clips, background: FloatArray, tmp_path: Path
) -> None:
    degrade, remedies, _ = CASES[name]
    some = clips[::3]
    verdict = judge(tmp_path, some, lambda clip, seed: degrade(clip, background, seed))
    assert set(verdict["remedies"]) == remedies, verdict["conclusion"]


def test_a_third_of_the_clips_clipped(clips: Clips, tmp_path: Path) -> None:
    """The errors are compared with those of the other clips."""
    verdict = judge(tmp_path, clips, lambda clip, n: clip if n % 3 else clipped(clip, 30))
    assert list(verdict["remedies"]) == ["clipped"]
    assert "of the others" in verdict["remedies"]["clipped"]


def test_words_in_the_wrong_folder(clips: Clips, tmp_path: Path) -> None:
    stops = iter([samples for clip, samples in clips if clip.label == "stop"])
    swapped = [
        (clip, next(stops) if clip.label == "go" and n % 4 else samples)
        for n, (clip, samples) in enumerate(clips)
    ]
    verdict = judge(tmp_path, swapped, lambda clip, seed: clip)
    assert list(verdict["remedies"]) == ["word go"]
    assert 'of them as "stop"' in verdict["remedies"]["word go"]


def test_the_bundled_reference_can_be_measured_again(recordings: Path) -> None:
    measured = measure_reference(recordings / "mini_speech_commands")
    bundled = load_reference(BUNDLED_REFERENCE)
    assert (measured.data, measured.clips) == (bundled.data, bundled.clips)
    for name, values in measured.percentiles.items():
        assert np.allclose(values, bundled.percentiles[name], rtol=1e-3, atol=1e-4), name


@pytest.fixture(scope="module")
def voices(tmp_path_factory: pytest.TempPathFactory) -> Clips:
    """The eight words in the four voices of flite and four of espeak-ng, in 1 s of faint noise."""
    if missing := [name for name in ("flite", "espeak-ng") if not shutil.which(name)]:
        pytest.skip(f"needs {', '.join(missing)}")
    folder = tmp_path_factory.mktemp("voices")
    commands = {f"flite-{v}": ["flite", "-voice", v, "-o"] for v in ("slt", "rms", "awb", "kal16")}
    commands |= {
        f"espeak-{v}": ["espeak-ng", "-v", v, "-w"]
        for v in ("en-us", "en-us+f3", "en-gb", "en-gb-scotland")
    }
    found = []
    for label in ("down", "go", "left", "no", "right", "stop", "up", "yes"):
        for voice, command in commands.items():
            path = folder / f"{label}-{voice}.wav"
            text = ["-t", label] if command[0] == "flite" else [label]
            subprocess.run([*command, path, *text], check=True, timeout=30)
            found.append((Clip(Path(f"{voice}.wav"), label, voice), in_a_second(path)))
    return found


def in_a_second(path: Path) -> FloatArray:
    """A word at -8 dBFS in the middle of 1 s with noise of -65 dBFS."""
    spoken = read_audio(path, 16000)
    loud = np.flatnonzero(np.abs(spoken) > 0.01 * np.abs(spoken).max())
    spoken = spoken[loud[0] : loud[-1] + 1][:16000]
    spoken = spoken * np.float32(10 ** (-8 / 20) / np.abs(spoken).max())
    before = (16000 - len(spoken)) // 2
    padded = np.pad(spoken, (before, 16000 - len(spoken) - before))
    return padded + np.float32(10 ** (-45 / 20)) * noise(16000)


@pytest.mark.parametrize("name", [name for name in CASES if name != "cut"])
def test_synthetic_voices(name: str, voices: Clips, tmp_path: Path) -> None:
    """Few clips: what is right may be odd without enough errors, but nothing wrong is named."""
    degrade, remedies, harmless = CASES[name]
    hiss = noise(64000, 5)
    verdict = judge(tmp_path, voices, lambda clip, seed: degrade(clip, hiss, seed))
    assert set(verdict["remedies"]) | set(verdict["harmless"]) == remedies | harmless
    assert not set(verdict["remedies"]) & harmless
