"""What the wake-word server says of itself: a program, and a wake word for each keyword."""

import re
from collections.abc import Sequence

from wyoming.info import Attribution, Info, WakeModel, WakeProgram

from kws_edge import __version__
from kws_edge.model.manifest import Manifest

URL = re.compile(r"https?://[^\s)]+|arXiv:(?P<paper>\d+\.\d+)")


def wake_info(manifest: Manifest, languages: Sequence[str]) -> Info:
    """The answer to ``describe``: Home Assistant shows the descriptions."""
    return Info(
        wake=[
            WakeProgram(
                name="kws-edge",
                description=f"Spoken keywords on this device ({manifest.name})",
                attribution=Attribution(name="kws-edge", url=""),
                installed=True,
                version=__version__,
                models=[_wake_word(keyword, manifest, languages) for keyword in manifest.keywords],
            )
        ]
    )


def _wake_word(keyword: str, manifest: Manifest, languages: Sequence[str]) -> WakeModel:
    phrase = keyword.replace("_", " ")
    found = URL.search(manifest.attribution)
    url = f"https://arxiv.org/abs/{found['paper']}" if found and found["paper"] else ""
    return WakeModel(
        name=keyword,
        description=phrase,
        phrase=phrase,
        attribution=Attribution(name=manifest.attribution, url=url or (found[0] if found else "")),
        installed=True,
        version=manifest.run_id,
        languages=list(languages),
    )
