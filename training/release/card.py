"""The model card, in Markdown."""

from typing import Any

from kws_edge.model.manifest import Manifest


def card(
    manifest: Manifest,
    size: int,
    results: list[dict[str, Any]],
    sections: list[str],
    commands: str | None = None,
) -> str:
    """The model card, in Markdown. ``sections`` follow the figures; ``commands`` is the file
    beside it that tells how the model and its figures are made."""
    features = manifest.features
    keywords = manifest.keywords
    mel = (
        f"{features.num_mel_bins} mel bands, {features.lower_edge_hertz:g} to"
        f" {features.upper_edge_hertz:g} Hz"
    )
    coefficients = f", {features.num_coefficients} coefficients" if "mfcc" in features.kind else ""
    lines = [
        f"# {manifest.name}",
        "",
        f"Tells apart {len(keywords)} words: {', '.join(keywords)}. {size / 1024:.0f} KB,"
        f" {manifest.flatbuffer.quantization}.",
        "",
        f"- Front end: {features.kind}, frames of {features.frame_length_ms:g} ms every"
        f" {features.frame_step_ms:g} ms{'' if features.kind == 'spectrogram' else ', ' + mel}"
        f"{coefficients}; {features.shape[0]} x {features.shape[1]} features of 1 s at"
        f" {features.sample_rate} Hz.",
        f"- Made by run {manifest.run_id}, commit {manifest.git_commit}, on {manifest.created}.",
        f"- Data: {manifest.attribution}",
        *(
            [f"- The commands that made it and its figures: [{commands}]({commands})."]
            * bool(commands)
        ),
        "",
        "## Figures",
        "",
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
    if machines:
        lines += ["", f"Latency: batch 1, one thread, on {'; '.join(machines)}."]
    lines += _rejection(results)
    rejects = len(keywords) < len(manifest.labels)
    lines += [*sections, "", "## Limits", "", *(OPEN_SET if rejects else CLOSED_SET), *LIMITS]
    return "\n".join(lines) + "\n"


def _rejection(results: list[dict[str, Any]]) -> list[str]:
    rows = []
    for result in results:
        if "fired" in result:
            rows.append(_row(result["data"], "the words alone, accuracy", result["words_alone"]))
            rows += [
                _row(result["data"], f"fired on {label}", of)
                for label, of in result["fired"].items()
            ]
    if not rows:
        return []
    return ["", "| data | what | clips | share | 95 % interval |", "|---|---|---|---|---|", *rows]


def _row(data: str, what: str, of: dict[str, float]) -> str:
    interval = f"{of['lower']:.2%} to {of['upper']:.2%}"
    return f"| {data} | {what} | {of['count']} of {of['clips']} | {of['share']:.2%} | {interval} |"


CLOSED_SET = (
    "It knows these words and nothing else: a closed set. Any other word, a noise or a closing",
    "door is given one of its labels, often with a high score.",
)
OPEN_SET = (
    "Other words and noises have labels of their own, but it was trained on few of the world's",
    "words: one that sounds like a keyword will at times be taken for it. It listens for single",
    "words with a little silence around them, and fires within running speech that holds them.",
)
LIMITS = (
    "The speakers are those who read single English words into their own microphones for the",
    "data set; children, strong accents and distant microphones are rare among them. Do not let",
    "it decide anything that matters: no safety, access or medical use.",
)
