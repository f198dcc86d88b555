"""Where each word of a sentence lies, from its text: forced alignment by pocketsphinx.

``pip install pocketsphinx`` brings an acoustic model of American English and a dictionary of
134,000 words. flite says how words outside it sound; without flite, sentences that hold one are
left out.
"""

import signal
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

from kws_edge.audio.files import read_audio, to_pcm16
from kws_edge.errors import DataError, KwsEdgeError
from kws_edge.extras import import_extra
from kws_edge.files import write_atomically
from training.data.augmentation import RATE
from training.data.sources.near_words import VARIANT, Phones, read_dictionary, sound_of_unknown
from training.data.sources.sentences import (
    ALIGNMENT,
    AlignedWord,
    Sentence,
    Transcript,
    alignment_lines,
    read_alignment,
    read_transcripts,
)
from training.processes import end_with_parent

FRAME_S = 0.01
LONGEST_S = 60.0  # of a recording; LibriSpeech's last at most 35 s
# Wider than pocketsphinx's own, with which five of 705 words lay elsewhere, by up to 0.4 s.
# A search of the lattice afterwards drops the last word of every twelfth sentence.
SEARCH = {"beam": 1e-120, "pbeam": 1e-120, "wbeam": 1e-100, "bestpath": False}
AHEAD = 4  # sentences given out to each process


@dataclass(frozen=True)
class LeftOut:
    """A recording that could not be aligned, and why."""

    file: str
    reason: str


class Aligner:
    """pocketsphinx's decoder; ``unknown`` says how the words outside its dictionary sound."""

    def __init__(self, unknown: Mapping[str, Phones]) -> None:
        decoder = import_extra("pocketsphinx", "align").Decoder
        # the mean of the cepstrum is that of each recording: their order does not matter
        self._decoder = decoder(samprate=RATE, lm=None, cmn="batch", loglevel="FATAL", **SEARCH)
        for word, phones in unknown.items():
            self._decoder.add_word(word, " ".join(phones), update=False)

    def align(self, folder: Path, transcript: Transcript) -> Sentence:
        """Raises `DataError` where the text does not fit the recording, or holds words that
        nobody can say; `MissingFileError` for a missing recording."""
        if not transcript.words:
            raise DataError("its text holds no words, or digits or foreign letters")
        if unknown := [w for w in transcript.words if self._decoder.lookup_word(w) is None]:
            raise DataError(f"nobody says how {unknown[0]!r} sounds; apt install flite")
        samples = read_audio(folder / transcript.file, RATE)
        if len(samples) > LONGEST_S * RATE:
            raise DataError(f"lasts {len(samples) / RATE:.0f} s, more than {LONGEST_S:g} s")
        words = self._words(to_pcm16(samples).tobytes(), transcript.words)
        if tuple(word.word for word in words) != transcript.words:
            raise DataError("its text does not fit the recording")
        return Sentence(transcript.file, transcript.speaker, words)

    def _words(self, samples: bytes, words: Sequence[str]) -> tuple[AlignedWord, ...]:
        decoder = self._decoder
        try:
            decoder.set_align_text(" ".join(words))
            decoder.start_utt()
            decoder.process_raw(samples, full_utt=True)
            decoder.end_utt()
        except RuntimeError as error:  # of pocketsphinx, whatever was wrong
            raise DataError(f"pocketsphinx cannot align it ({error})") from error
        return tuple(
            AlignedWord(
                VARIANT.sub("", segment.word),
                segment.start_frame * FRAME_S,
                (segment.end_frame + 1) * FRAME_S,  # the last frame belongs to the word
            )
            for segment in decoder.seg() or ()
            if segment.word[0] not in "<["  # silence and noises
        )


def align_folder(folder: Path, processes: int = 2) -> Iterator[Sentence | LeftOut]:
    """Align the sentences of ``folder`` and write its ``alignment.tsv``. Yields each.

    Sentences whose words are in the table already are not aligned again; what has been done so
    far is kept in ``alignment.tsv.part``, so that a run that broke off goes on. Raises
    `MissingFileError`, `DataError`, and `ConfigError` where pocketsphinx is not installed.
    """
    table = folder / ALIGNMENT
    part = table.with_name(f"{table.name}.part")
    transcripts = read_transcripts(folder)
    done = _done([table, part], {transcript.file: transcript for transcript in transcripts})
    todo = [transcript for transcript in transcripts if transcript.file not in done]
    yield from done.values()
    # what an earlier run left of its last sentence goes
    write_atomically(part, alignment_lines(done.values()).encode())
    with part.open("a", encoding="utf-8") as file:
        for result in _aligned(folder, todo, processes):
            if isinstance(result, Sentence):
                done[result.file] = result
                file.write(alignment_lines([result], header=False))
                file.flush()
            yield result
    write_atomically(table, alignment_lines(done[name] for name in sorted(done)).encode())
    part.unlink()


def _done(tables: Sequence[Path], transcripts: Mapping[str, Transcript]) -> dict[str, Sentence]:
    """The whole sentences of ``tables`` whose texts are still the same."""
    found = {}
    for sentence in [s for table in tables if table.exists() for s in read_alignment(table)]:
        transcript = transcripts.get(sentence.file)
        if transcript and transcript.words == tuple(word.word for word in sentence.words):
            found[sentence.file] = sentence
    return found


def _aligned(
    folder: Path, transcripts: Sequence[Transcript], processes: int
) -> Iterator[Sentence | LeftOut]:
    """In the order of ``transcripts``; a few more than one for each process are under way."""
    known = read_dictionary()
    unknown = sound_of_unknown(sorted({w for t in transcripts for w in t.words if w not in known}))
    with ProcessPoolExecutor(
        processes, get_context("spawn"), initializer=_start, initargs=(unknown,)
    ) as pool:
        pending: deque[Future[Sentence | LeftOut]] = deque()
        waiting = iter(transcripts)
        try:
            while True:
                while len(pending) < AHEAD * processes and (one := next(waiting, None)):
                    pending.append(pool.submit(_align, folder, one))
                if not pending:
                    return
                yield pending.popleft().result()
        except BrokenProcessPool as error:
            raise KwsEdgeError("a process that aligns ended; run it again to go on") from error
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _start(unknown: Mapping[str, Phones]) -> None:
    global _aligner
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which ends this
    end_with_parent()
    _aligner = Aligner(unknown)


_aligner: Aligner


def _align(folder: Path, transcript: Transcript) -> Sentence | LeftOut:
    try:
        return _aligner.align(folder, transcript)
    except KwsEdgeError as error:
        return LeftOut(transcript.file, str(error))
