"""``info``: the manifest of a model file."""

import click

from kws_edge.cli.options import json_option
from kws_edge.model.bundled import find_model
from kws_edge.model.file import ModelFile, read_model


@click.command()
@click.argument("model", default="default")
@json_option
def command(model: str, as_json: bool) -> None:
    """Verify MODEL (a file, or a name from 'kws-edge models') and print its manifest."""
    file = read_model(find_model(model))
    if as_json:
        click.echo(file.manifest.to_json())
        return
    for name, value in _rows(file):
        click.echo(f"{name:<13} {value}")


def _rows(file: ModelFile) -> list[tuple[str, str]]:
    manifest = file.manifest
    f = manifest.features
    front_end = f"{f.kind}, {f.frame_length_ms:g} ms frames every {f.frame_step_ms:g} ms"
    if "num_mel_bins" in f.front_end.settings:
        front_end += (
            f", {f.num_mel_bins} mel bands from {f.lower_edge_hertz:g} to {f.upper_edge_hertz:g} Hz"
        )
    if "num_coefficients" in f.front_end.settings:
        front_end += f", {f.num_coefficients} coefficients"
    other = [label for label in manifest.labels if label not in manifest.keywords]
    rows = [
        ("file", f"{file.path} ({file.size / 1024:.1f} KB, {manifest.flatbuffer.quantization})"),
        ("name", f"{manifest.name} (run {manifest.run_id}, commit {manifest.git_commit})"),
        ("keywords", ", ".join(manifest.keywords)),
        ("not keywords", ", ".join(other) or "none: every sound counts as a keyword"),
        ("audio", f"{f.sample_rate} Hz mono, window {f.window_ms:g} ms"),
        ("features", f"{front_end}: {f.shape[0]} x {f.shape[1]}"),
        ("detector", manifest.detector.describe()),
    ]
    rows += [(f"preset {name}", preset.describe()) for name, preset in manifest.presets.items()]
    if stream := manifest.streaming:
        chunk_ms = stream.chunk_frames * f.frame_step_ms
        rows.append(("streaming", f"{chunk_ms:g} ms a call, {len(stream.states)} states"))
    rows += [
        (
            m.name,
            f"{m.value:.2f} ({m.lower:.2f} to {m.upper:.2f}, {m.count}"
            f" clip{'s' * (m.count != 1)} of {m.data})",
        )
        for m in manifest.metrics
    ]
    return [*rows, ("data", manifest.attribution)]
