"""Model files: whole, or refused by name before an interpreter sees them."""

import dataclasses
import io
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kws_edge.errors import ModelError
from kws_edge.features.front_end import FeatureConfig
from kws_edge.model.file import MANIFEST, ModelFile, pack_model, read_model
from kws_edge.model.manifest import Manifest


@pytest.fixture(scope="module")
def model(model_path: Path) -> ModelFile:
    return read_model(model_path)


def repacked(model: ModelFile, text: str, name: str = MANIFEST) -> bytes:
    buffer = io.BytesIO(model.flatbuffer)
    with zipfile.ZipFile(buffer, "a") as archive:
        archive.writestr(name, text)
    return buffer.getvalue()


def refused(content: bytes, folder: Path) -> str:
    path = folder / "model.tflite"
    path.write_bytes(content)
    with pytest.raises(ModelError) as error:
        read_model(path)
    assert str(error.value).startswith(f"{path}: ")
    assert "\n" not in str(error.value)
    return str(error.value)


def test_packed_and_read_again(model: ModelFile, tmp_path: Path) -> None:
    path = tmp_path / "copy.tflite"
    path.write_bytes(pack_model(model.manifest, model.flatbuffer))
    again = read_model(path)
    assert again.manifest == model.manifest
    assert again.flatbuffer == model.flatbuffer


def test_packing_is_reproducible(model: ModelFile) -> None:
    first = pack_model(model.manifest, model.flatbuffer)
    assert first == pack_model(model.manifest, model.flatbuffer)


def test_any_unzip_prints_the_manifest(model_path: Path) -> None:
    with zipfile.ZipFile(model_path) as archive:
        assert json.loads(archive.read(MANIFEST))["schema_version"] == 1


@given(data=st.data())
@settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_a_flipped_bit_never_passes_for_another_model(
    data: st.DataObject, model: ModelFile, tmp_path: Path
) -> None:
    content = bytearray(pack_model(model.manifest, model.flatbuffer))
    tail = len(content) - len(model.flatbuffer)
    # half of the flips into the tail, which is a hundredth of the file
    where = st.integers(0, len(content) - 1) | st.integers(len(content) - tail, len(content) - 1)
    content[data.draw(where)] ^= 1 << data.draw(st.integers(0, 7))
    path = tmp_path / "flipped.tflite"
    path.write_bytes(content)
    try:
        found = read_model(path)
    except ModelError:
        return
    # bits of the zip that mean nothing, such as its dates
    assert found.manifest == model.manifest
    assert found.flatbuffer == model.flatbuffer


@given(keep=st.floats(0, 1, exclude_max=True))
@settings(
    max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_a_file_cut_short_is_refused(keep: float, model: ModelFile, tmp_path: Path) -> None:
    content = pack_model(model.manifest, model.flatbuffer)
    refused(content[: int(keep * len(content))], tmp_path)


def test_files_of_other_kinds(model: ModelFile, tmp_path: Path) -> None:
    assert "not a TFLite model" in refused(b"some text, long enough\n" * 9, tmp_path)
    assert "not a TFLite model" in refused(b"", tmp_path)
    assert "plain TFLite model" in refused(model.flatbuffer, tmp_path)
    text = model.manifest.to_json()
    assert "labels.txt, expected manifest.json" in refused(
        repacked(model, text, "labels.txt"), tmp_path
    )
    assert "not JSON" in refused(repacked(model, "{"), tmp_path)


def change(manifest: Manifest, path: str, value: Any) -> str:
    document: dict[str, Any] = json.loads(manifest.to_json())
    *parents, last = path.split(".")
    node = document
    for parent in parents:
        node = node[parent]
    if value is None:
        del node[last]
    else:
        node[last] = value
    return json.dumps(document)


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("schema_version", 2, "schema_version: found 2, this program reads 1"),
        ("labels", ["yes"], "output.shape: found [1, 8] for 1 labels"),
        ("labels", ["yes"] * 8, "labels: expected different labels"),
        ("labels", None, "labels: missing"),
        ("features.kind", "wavelet", "features.kind: found 'wavelet'"),
        ("features.frame_length_ms", 80, "input.shape: found [1, 49, 10, 1]"),
        ("features.colour", "red", "features.colour: unknown"),
        ("detector.threshold", 2, "detector.threshold: 2.0 is not within 0 to 1"),
        ("detector.thresholds", {"hello": 0.5}, "detector.thresholds.hello: no such keyword"),
        ("flatbuffer.sha256", "0" * 64, "flatbuffer.sha256: found"),
        ("flatbuffer.size", 100, "flatbuffer.sha256: found"),
        ("flatbuffer.size", 10**9, "flatbuffer.size: 1000000000 bytes of a file"),
        ("input.dtype", "int16", "input.dtype: found 'int16'"),
        ("input.scale", 0, "input.scale: 0.0 is not above 0"),
        ("probe.posteriors", [0.5], "probe.posteriors: found 1 for 8 labels"),
    ],
)
def test_odd_manifests_name_the_field(
    field: str, value: Any, message: str, model: ModelFile, tmp_path: Path
) -> None:
    content = repacked(model, change(model.manifest, field, value))
    assert message in refused(content, tmp_path)


def test_a_manifest_twice_as_long_is_not_read(model: ModelFile, tmp_path: Path) -> None:
    bomb = json.dumps({"labels": " " * (2 * 2**20)})
    assert "larger than 1 MiB" in refused(repacked(model, bomb), tmp_path)


def test_a_manifest_for_another_network(model: ModelFile, tmp_path: Path) -> None:
    """Consistent in itself, but not what the interpreter finds."""
    from kws_edge.model.classifier import Classifier

    features = dataclasses.replace(model.manifest.features, num_coefficients=13)
    assert features.shape == FeatureConfig("mfcc", num_coefficients=13).shape
    manifest = dataclasses.replace(
        model.manifest,
        features=features,
        input=dataclasses.replace(model.manifest.input, shape=(1, 49, 13, 1)),
    )
    path = tmp_path / "other.tflite"
    path.write_bytes(pack_model(manifest, model.flatbuffer))
    with pytest.raises(ModelError, match="input: the network has"):
        Classifier.load(path)
