"""The model card, in Markdown."""

from dataclasses import dataclass
from typing import Any

from kws_edge.model.manifest import Manifest

NO_LIMITS = "The maker of this model states none."


@dataclass(frozen=True)
class CardText:
    """The words of the maker on the card; nothing here has a default that could be wrong.

    ``description`` and ``limits`` are Markdown, empty for none. ``source``: the file beside the
    card that the model is built from, if there is one.
    """

    description: str = ""
    limits: str = ""
    source: str | None = None


def card(
    manifest: Manifest,
    size: int,
    results: list[dict[str, Any]],
    sections: list[str],
    text: CardText,
) -> str:
    """The model card. ``size`` is the file's in bytes; ``results`` are reports of 'evaluate';
    ``sections`` follow the figures."""
    lines = [f"# {manifest.name}", ""]
    if text.description:
        lines += [text.description.strip(), ""]
    lines += [*_facts(manifest, size, text.source), "", "## Figures", "", *_accuracy(results)]
    lines += [*_rejection(results), *sections]
    lines += ["", "## Limits", "", text.limits.strip() or NO_LIMITS]
    return "\n".join(lines) + "\n"


def _facts(manifest: Manifest, size: int, source: str | None) -> list[str]:
    features = manifest.features
    mel = (
        f", {features.num_mel_bins} mel bands, {features.lower_edge_hertz:g} to"
        f" {features.upper_edge_hertz:g} Hz"
    )
    coefficients = f", {features.num_coefficients} coefficients" if "mfcc" in features.kind else ""
    keywords = manifest.keywords
    return [
        f"Recognizes {len(keywords)} words: {', '.join(keywords)}. {size / 1024:.0f} KB,"
        f" {manifest.flatbuffer.quantization}.",
        "",
        f"- Front end: {features.kind}, frames of {features.frame_length_ms:g} ms every"
        f" {features.frame_step_ms:g} ms{'' if features.kind == 'spectrogram' else mel}"
        f"{coefficients}; {features.shape[0]} x {features.shape[1]} features of"
        f" {features.window_ms / 1000:g} s at {features.sample_rate} Hz.",
        f"- Made by run {manifest.run_id}, commit {manifest.git_commit}, on {manifest.created}.",
        f"- Data: {manifest.attribution}",
        *([f"- Built from [{source}]({source})."] if source else []),
    ]


def _accuracy(results: list[dict[str, Any]]) -> list[str]:
    if not results:
        return ["This release has no figures of single clips."]
    lines = [
        "| data | clips | accuracy | 95 % interval | features + model, median ms | interpreter |",
        "|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {r['data']} | {r['clips']} | {r['accuracy']:.2%} | {r['accuracy_lower']:.2%} to"
        f" {r['accuracy_upper']:.2%} | {r['latency_ms']['features']['median']:.2f} +"
        f" {r['latency_ms']['model']['median']:.2f} | {r['interpreter']} |"
        for r in results
    ]
    machines = sorted({r["machine"] for r in results})
    return [*lines, "", f"Latency: batch 1, one thread, on {'; '.join(machines)}."]


def _rejection(results: list[dict[str, Any]]) -> list[str]:
    rows = []
    for result in results:
        if "false_accept_rate" in result:
            rows.append(_row(result["data"], "the words alone, accuracy", result["words_alone"]))
            rows += [
                _row(result["data"], f"false accept rate on {label}", share)
                for label, share in result["false_accept_rate"].items()
            ]
    if not rows:
        return []
    return ["", "| data | what | clips | share | 95 % interval |", "|---|---|---|---|---|", *rows]


def _row(data: str, what: str, share: dict[str, float]) -> str:
    interval = f"{share['lower']:.2%} to {share['upper']:.2%}"
    counts = f"{share['count']} of {share['clips']}"
    return f"| {data} | {what} | {counts} | {share['share']:.2%} | {interval} |"
