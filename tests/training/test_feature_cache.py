"""Features on disk: the runtime's own, computed once, never half."""

from pathlib import Path

import numpy as np
import pytest
from sweep_world import PITCHES, write_tones

from kws_edge.audio.files import one_window, read_audio
from kws_edge.features.front_end import FeatureConfig, FrontEnd
from training.data.cache import cached_arrays
from training.data.clips import scan
from training.data.loading import fingerprint
from training.data.splits import Split, split_clips

LABELS = tuple(PITCHES)


@pytest.fixture(scope="module")
def split(tmp_path_factory: pytest.TempPathFactory) -> Split:
    data = write_tones(tmp_path_factory.mktemp("data") / "tones")
    return split_clips(scan(data, LABELS), "official")


@pytest.mark.parametrize("kind", ["spectrogram", "log_mel", "mfcc"])
def test_the_arrays_are_what_the_runtime_computes(split: Split, kind: str, tmp_path: Path) -> None:
    config = FeatureConfig(kind)
    arrays = cached_arrays(split, LABELS, config, tmp_path)
    for examples, clips in (
        (arrays.training, split.training),
        (arrays.validation, split.validation),
    ):
        assert examples.features.shape == (len(clips), *config.shape)
        assert [LABELS[i] for i in examples.targets] == [clip.label for clip in clips]
        for row in (0, len(clips) - 1):
            audio = one_window(read_audio(clips[row].path, 16000), 16000)
            assert np.array_equal(examples.features[row], FrontEnd(config)(audio))


def test_a_front_end_is_computed_once(split: Split, tmp_path: Path) -> None:
    config = FeatureConfig("mfcc")
    cached_arrays(split, LABELS, config, tmp_path)
    (folder,) = tmp_path.iterdir()
    before = (folder / "training.npy").stat().st_mtime_ns
    cached_arrays(split, LABELS, config, tmp_path)
    assert (folder / "training.npy").stat().st_mtime_ns == before
    cached_arrays(split, LABELS, FeatureConfig("mfcc", num_mel_bins=30), tmp_path)
    assert len(list(tmp_path.iterdir())) == 2
    # log-Mel features have no coefficients: the two are one front end
    cached_arrays(split, LABELS, FeatureConfig("log_mel", num_coefficients=5), tmp_path)
    cached_arrays(split, LABELS, FeatureConfig("log_mel", num_coefficients=6), tmp_path)
    assert len(list(tmp_path.iterdir())) == 3


def test_what_a_kill_left_half_done_is_not_used(split: Split, tmp_path: Path) -> None:
    class Killed(BaseException):
        pass

    class Cut(list):  # type: ignore[type-arg]
        """Clips among which the process ends."""

        def __iter__(self):  # type: ignore[no-untyped-def]
            yield self[0]
            raise Killed

    config = FeatureConfig("mfcc")
    broken = Split(Cut(split.training), split.validation, split.testing)
    with pytest.raises(Killed):
        cached_arrays(broken, LABELS, config, tmp_path)
    assert cached_arrays(split, LABELS, config, tmp_path).training.features[-1].any()


def test_the_fingerprint_is_of_the_clips_and_not_of_their_place(
    split: Split, tmp_path: Path
) -> None:
    other = write_tones(tmp_path / "elsewhere")
    same = split_clips(scan(other, LABELS), "official")
    assert fingerprint(same) == fingerprint(split)
    less = Split(same.training[1:], same.validation, same.testing)
    assert fingerprint(less) != fingerprint(split)
