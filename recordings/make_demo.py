"""Make recordings/demo.wav and its label track out of synthetic voices.

All speech comes from Debian packages; recordings/README.md names them and their licences.
It needs kws-edge to be installed, which measures where the words are.
To change who says what, edit VOICES and SCRIPT. Run it: python3 recordings/make_demo.py
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import wave
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from kws_edge.audio.speech_level import measure_speech

Audio = NDArray[np.float64]

# Voice -> (program, the program's own name for the voice). Mind the spelling: flite silently
# speaks with its default voice when it does not know the name.
VOICES: dict[str, tuple[str, str]] = {
    "slt": ("flite", "slt"),
    "rms": ("flite", "rms"),
    "awb": ("flite", "awb"),
    "kal16": ("flite", "kal16"),
    "ked": ("text2wave", "ked_diphone"),
    "espeak-us": ("espeak-ng", "en-us"),
    "espeak-us-f": ("espeak-ng", "en-us+f3"),
    "espeak-gb": ("espeak-ng", "en-gb"),
    "espeak-rp": ("espeak-ng", "en-gb-x-rp"),
    "espeak-scotland": ("espeak-ng", "en-gb-scotland"),
}
# Word -> voice. The order of speaking is shuffled by SEED; a new voice for a word keeps it.
SCRIPT: dict[str, str] = {
    "down": "kal16",
    "go": "ked",
    "left": "kal16",
    "no": "awb",
    "right": "awb",
    "stop": "ked",
    "up": "slt",
    "yes": "kal16",
    "bird": "rms",
    "happy": "slt",
    "house": "rms",
    "marvin": "slt",
    "seven": "awb",
}
PACKAGES = {name: name for name in ("espeak-ng", "flite", "sox")}
PACKAGES["text2wave"] = "festival (and festvox-kdlpc16k for its voice)"

SEED, RATE = 20240, 16000
QUIET_S = 1.0  # before the first word and after the last
SPACING_S = (1.3, 1.6)  # from one word's start to the next one's
PEAK_DBFS = -8.0
PEAK_SPREAD_DB = 1.5
NOISE_DBFS = -65.0  # RMS
TRIM_DB = -30.0  # this far below the loudest frame it is no longer speech
FRAME, HOP, FADE = RATE // 100, RATE // 200, RATE // 100
MARGIN = RATE // 20  # kept on each side of the speech so that no faint edge is cut
EX_UNAVAILABLE, EX_CANTCREAT = 69, 73  # sysexits.h


class DemoError(Exception):
    """A program is missing or failed, or a word came out unusable."""


def amplitude(decibel: float) -> float:
    return float(10.0 ** (decibel / 20.0))


def require(programs: set[str]) -> None:
    for program in sorted(programs):
        if shutil.which(program) is None:
            raise DemoError(f"{program} not found; install Debian package {PACKAGES[program]}")


def run(argv: Sequence[str], home: str) -> None:
    # A bare environment: ~/.festivalrc or SOX_OPTS of the user must not change the result.
    env = {"PATH": os.environ.get("PATH", os.defpath), "HOME": home, "LC_ALL": "C"}
    done = subprocess.run(argv, env=env, check=False, capture_output=True, text=True)
    if done.returncode != 0:
        reason = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise DemoError(f"{argv[0]}: {reason}; check Debian package {PACKAGES[argv[0]]}")


def synthesize(word: str, voice: str) -> Audio:
    program, name = VOICES[voice]
    with tempfile.TemporaryDirectory() as work:
        text, raw, wav = (str(Path(work, part)) for part in ("word.txt", "raw.wav", "16k.wav"))
        Path(text).write_text(word, encoding="ascii")
        commands = {
            "flite": ["flite", "-voice", name, "-t", word, "-o", raw],
            "espeak-ng": ["espeak-ng", "-v", name, "-w", raw, word],
            "text2wave": ["text2wave", "-eval", f"(voice_{name})", text, "-o", raw],
        }
        run(commands[program], work)
        if not Path(raw).exists():  # text2wave exits with 0 when it does not know the voice
            raise DemoError(f"{program} made no sound; check Debian package {PACKAGES[program]}")
        # -D: no random dither. gain: headroom, so that the filter of `rate` cannot clip.
        run(["sox", "-D", raw, "-b", "16", "-c", "1", wav, "gain", "-3", "rate", str(RATE)], work)
        with wave.open(wav, "rb") as file:
            data = np.frombuffer(file.readframes(file.getnframes()), dtype="<i2")
    return data.astype(np.float64) / 32768.0


def cut_points(audio: Audio) -> tuple[int, int]:
    """Where the edit cuts the silence off a voice, before MARGIN is added on either side.

    This is no measure of the word: the label track has that from kws_edge.audio.speech_level.
    """
    # Pre-emphasis favours fricatives and bursts ("yes", "left") over the hum of the voices.
    sharp = audio[1:] - 0.9 * audio[:-1]
    energy = np.mean(np.lib.stride_tricks.sliding_window_view(sharp, FRAME)[::HOP] ** 2, axis=1)
    active = np.flatnonzero(energy > energy.max() * amplitude(TRIM_DB) ** 2)
    return int(active[0]) * HOP, int(active[-1]) * HOP + FRAME


def speak(word: str, voice: str) -> Audio:
    """The word cut out of its silence with MARGIN on either side, faded, peak at 1.0."""
    audio: Audio = np.pad(synthesize(word, voice), 2 * MARGIN)
    if not audio.any():
        raise DemoError(f"{word} by {voice}: no sound came out")
    start, end = cut_points(audio)
    if end - start > RATE:
        raise DemoError(f"{word} by {voice}: longer than the one-second window of a model")
    part = audio[start - MARGIN : end + MARGIN].copy()
    ramp = np.linspace(0.0, 1.0, FADE)
    part[:FADE] *= ramp
    part[-FADE:] *= ramp[::-1]
    return part / float(np.abs(part).max())


def noise(samples: int) -> Audio:
    # Its own generator: the length of the track must not shift any other random number.
    return np.random.default_rng((SEED, 1)).normal(0.0, amplitude(NOISE_DBFS), samples)


def add(track: Audio, word: Audio, start: int, peak_dbfs: float) -> None:
    """Mix the word into the track so that its first cut point lies at `start`."""
    first = start - MARGIN
    low, high = max(first, 0), min(first + word.size, track.size)
    track[low:high] += word[low - first : high - first] * amplitude(peak_dbfs)


def write_wav(path: Path, audio: Audio) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pcm = np.round(audio * 32767.0).clip(-32768, 32767).astype("<i2")
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, RATE, pcm.size, "NONE", "not compressed"))
        file.writeframes(pcm.tobytes())


def label_track(words: Sequence[str], track: Audio) -> str:
    """The bounds of the words in the track as everything in this project measures them."""
    sounds = measure_speech(track.astype(np.float32), RATE).sounds
    if len(sounds) != len(words):
        raise DemoError(f"{len(sounds)} sounds stand out of the track, expected {len(words)}")
    return "".join(
        f"{sound.start / RATE:.3f}\t{sound.end / RATE:.3f}\t{word}\n"
        for sound, word in zip(sounds, words, strict=True)
    )


def make_demo(folder: Path) -> None:
    require({"sox"} | {VOICES[voice][0] for voice in SCRIPT.values()})
    rng = np.random.default_rng(SEED)
    words = [str(word) for word in rng.permutation(list(SCRIPT))]
    gaps = rng.uniform(*SPACING_S, len(words) - 1)
    peaks = PEAK_DBFS + rng.uniform(-PEAK_SPREAD_DB, PEAK_SPREAD_DB, len(words))
    starts = np.round(RATE * (QUIET_S + np.concatenate(([0.0], np.cumsum(gaps))))).astype(int)
    clips = [speak(word, SCRIPT[word]) for word in words]
    ends = [int(start) + clip.size - 2 * MARGIN for start, clip in zip(starts, clips, strict=True)]
    track = noise(ends[-1] + round(QUIET_S * RATE))
    for clip, start, peak in zip(clips, starts, peaks, strict=True):
        add(track, clip, int(start), float(peak))
    write_wav(folder / "demo.wav", track)
    labels = label_track(words, track)
    (folder / "demo.labels.txt").write_text(labels, encoding="ascii", newline="\n")


def make_candidates(folder: Path) -> None:
    """Every word in every voice, alone in the middle of one second, all at one level."""
    require({"sox"} | {program for program, _ in VOICES.values()})
    for word in SCRIPT:
        for voice in VOICES:
            track, clip = noise(RATE), speak(word, voice)
            add(track, clip, (RATE - clip.size) // 2 + MARGIN, PEAK_DBFS)
            write_wav(folder / word / f"{voice}.wav", track)


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Make demo.wav and demo.labels.txt.")
    here = Path(__file__).resolve().parent
    parser.add_argument("--output", type=Path, default=here, metavar="DIR", help="folder for both")
    every = "make no demo; write each word in each voice as DIR/WORD/VOICE.wav"
    parser.add_argument("--candidates", type=Path, metavar="DIR", help=every)
    args = parser.parse_args(argv)
    try:
        make_candidates(args.candidates) if args.candidates else make_demo(args.output)
    except (DemoError, OSError) as error:
        print(f"make_demo: {error}", file=sys.stderr)
        return EX_UNAVAILABLE if isinstance(error, DemoError) else EX_CANTCREAT
    return 0


if __name__ == "__main__":
    sys.exit(main())
