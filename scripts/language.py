"""Words that this project does not use: earlier names of things and a private language.

``check`` greps tracked code and prose. A pattern is a Perl regular expression for ``git grep``.
"""

import subprocess
from dataclasses import dataclass
from pathlib import Path

PROSE = ("*.md", "*.py", "*.yaml", "*.yml", "*.cfg", "*.toml", "*.service", "scripts/*", ".ci/*")
# The list itself; the log names commands that are gone, which is what it is for.
OUTSIDE = ("scripts/language.py",)
LOG = "CHANGELOG.md"


@dataclass(frozen=True)
class Rule:
    pattern: str
    instead: str
    files: tuple[str, ...] = PROSE
    renamed: bool = True  # a name of earlier versions: the changelog may mention it


@dataclass(frozen=True)
class Finding:
    rule: Rule
    lines: tuple[str, ...]  # "path:line:text"


CODE = ("kws_edge/*.py", "training/*.py", "tests/*.py", "benchmarks/*.py")
RUNTIME = ("kws_edge/*.py",)

RENAMED = (
    Rule(r"\b(Follower|Following)\b|[._]follower\b|import following", "StreamingClassifier"),
    Rule(r"(def |\.)(recall|rest|choose)\(", "backfill, idle, set_active_keywords", RUNTIME),
    Rule(r"\b(History|AudioRing|audio_ring)\b", "SampleBuffer", RUNTIME),
    Rule(r"\bSurroundings\b", "SinkContext"),
    Rule(r"\bStudio\b", "AudioIO"),
    Rule(r"\bclass Child\b|\bChild\(", "ChildProcess"),
    Rule(r"\bMicrophoneKeeper\b", "PortAudioSupervisor"),
    Rule(r"\bReliableMicrophone\b", "ReconnectingMicrophone"),
    Rule(r"\bPresence\b|\bhopeful\b", "HotplugProbe.should_retry"),
    Rule(r"\btriggers/|\b[Ss]aved trigger", "clips"),
    Rule(r"\b[Ss]hipped\b", "bundled"),
    Rule(r"(?<!-)\bslim\b|\bslimmed\b", "compact"),  # but Debian's image is called so
    Rule(r"\brestore\(|train\.restore\b|train import restore\b", "load_run", CODE),
    Rule(r"\bTrained\b(?! on\b)|train\.trained\b", "TrainingResult", CODE),
    Rule(r"\bLesson\b", "TrainingTask"),
    Rule(r"\bPasses\b", "AugmentedEpochs"),
    Rule(r"\bclass Start\b|: Start\b|import Start\b", "Checkpoint", CODE),
    Rule(r"\bBench\b", "TuningSet", CODE),
    Rule(r"\bMaterial\b", "SourcePool", CODE),
    Rule(r"\bplacing\b", "placement"),
    Rule(r"\bpieces\b", "segments"),
    Rule(r"\bjoins\b", "spliced", CODE),
    Rule(r"\.gone\b|\bgone:|\bgone=", "max_onset_truncation", CODE),
    Rule(r"\b[Oo]wn[ _]thresholds?\b", "per_keyword_thresholds"),
    Rule(r"\b[Ww]orking[ _]points?\b", "operating points"),
    Rule(r"\bfired\b", "false_accept_rate", CODE),
    Rule(r"\b[Ff]ield[-_ ]test", "recordings check"),
    Rule(r"\bqueen\.py\b|sources\.queen\b|import queen\b", "game_dialogue.py"),
    Rule(r"\bFaults\b", "ValidationErrors"),
    Rule(r"\btest[-_]all\b", "evaluate_all"),
)
PRIVATE = (
    Rule(r"\b[Tt]old\b", "reported, logged, published", renamed=False),
    Rule(r"\b[Tt]ells?\b(?!\()|\b[Tt]elling\b", "reports, shows, distinguishes", renamed=False),
    Rule(r"\b[Hh]eard\b", "processed, recorded, recognised", renamed=False),
    Rule(r"\b[Hh]ears?\b|\b[Hh]earing\b", "processes, predicts", renamed=False),
    Rule(r"\bof what is\b", "name the thing", renamed=False),
    Rule(r"\b[Ww]hoever\b", "name the actor", renamed=False),
)


def check(root: Path) -> list[Finding]:
    """What git finds of each rule in the tracked files of ``root``; rules with no hit included."""
    return [Finding(rule, _grep(root, rule)) for rule in (*RENAMED, *PRIVATE)]


def _grep(root: Path, rule: Rule) -> tuple[str, ...]:
    outside = (*OUTSIDE, LOG) if rule.renamed else OUTSIDE
    command = ["git", "grep", "-nIP", rule.pattern, "--", *rule.files]
    command += [f":(exclude){path}" for path in outside]
    result = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    if result.returncode > 1:  # 1 is "nothing found"
        raise RuntimeError(result.stderr)
    return tuple(result.stdout.splitlines())
