"""Features on disk: the runtime's own, computed once, never half."""

from pathlib import Path

import numpy as np
import pytest
from tones import PITCHES, write_tones

from kws_edge.audio.files import one_window, read_audio
from kws_edge.features.front_end import FeatureConfig, FrontEnd
from training.data.clips import Clip, scan
from training.data.loading import cached_examples, fingerprint

LABELS = tuple(PITCHES)


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> list[Clip]:
    return scan(write_tones(tmp_path_factory.mktemp("data") / "tones"), LABELS)[::4]


@pytest.mark.parametrize("kind", ["spectrogram", "log_mel", "mfcc"])
def test_the_arrays_are_what_the_runtime_computes(
    clips: list[Clip], kind: str, tmp_path: Path
) -> None:
    config = FeatureConfig(kind)
    examples = cached_examples(clips, LABELS, config, tmp_path)
    assert examples.features.shape == (len(clips), *config.shape)
    assert [LABELS[i] for i in examples.targets] == [clip.label for clip in clips]
    for row in (0, len(clips) - 1):
        audio = one_window(read_audio(clips[row].path, 16000), 16000)
        assert np.array_equal(examples.features[row], FrontEnd(config)(audio))


def test_a_front_end_is_computed_once(clips: list[Clip], tmp_path: Path) -> None:
    config = FeatureConfig("mfcc")
    cached_examples(clips, LABELS, config, tmp_path)
    (folder,) = tmp_path.iterdir()
    before = (folder / "features.npy").stat().st_mtime_ns
    cached_examples(clips, LABELS, config, tmp_path)
    assert (folder / "features.npy").stat().st_mtime_ns == before
    cached_examples(clips, LABELS, FeatureConfig("mfcc", num_mel_bins=30), tmp_path)
    assert len(list(tmp_path.iterdir())) == 2
    # log-Mel features have no coefficients: the two are one front end
    cached_examples(clips, LABELS, FeatureConfig("log_mel", num_coefficients=5), tmp_path)
    cached_examples(clips, LABELS, FeatureConfig("log_mel", num_coefficients=6), tmp_path)
    assert len(list(tmp_path.iterdir())) == 3


def test_what_a_kill_left_half_done_is_not_used(clips: list[Clip], tmp_path: Path) -> None:
    class Killed(BaseException):
        pass

    class Cut(list):  # type: ignore[type-arg]
        """Clips among which the process ends."""

        def __iter__(self):  # type: ignore[no-untyped-def]
            yield self[0]
            raise Killed

    config = FeatureConfig("mfcc")
    with pytest.raises(Killed):
        cached_examples(Cut(clips), LABELS, config, tmp_path)
    assert cached_examples(clips, LABELS, config, tmp_path).features[-1].any()


def test_the_fingerprint_is_of_the_clips_and_not_of_their_place(
    clips: list[Clip], tmp_path: Path
) -> None:
    same = scan(write_tones(tmp_path / "elsewhere"), LABELS)[::4]
    assert fingerprint(same) == fingerprint(clips)
    assert fingerprint(same[1:]) != fingerprint(clips)
