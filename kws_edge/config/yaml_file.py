"""YAML files read by the rules of YAML 1.2, so that keywords are words.

PyYAML follows YAML 1.1, where an unquoted ``yes``, ``no`` or ``on`` is a boolean, ``1e-3``
is text and of two equal keys the last wins. Here they are text, a number and an error.

Size, depth, tags and aliases are limited before anything is constructed: a few lines of aliases
to aliases would otherwise become billions of values.
"""

import re
from collections.abc import Hashable
from pathlib import Path
from typing import Any, TypeVar

import yaml

from kws_edge.config.schema import parse
from kws_edge.errors import ConfigError, MissingFileError, ValidationErrors

T = TypeVar("T")

MAX_BYTES = 1_000_000
MAX_VALUES = 20_000  # scalars, lists and mappings, each alias counted as what it stands for


CORE = {  # the tags that a value may have, and what must stand there
    "bool": r"true|True|TRUE|false|False|FALSE",
    "null": r"~|null|Null|NULL|",
    "int": r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+",
    "float": r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?",
    "str": r"(?s:.*)",
}
_TAG = "tag:yaml.org,2002:"


class _Loader(yaml.SafeLoader):
    """SafeLoader with the core schema of YAML 1.2, without duplicate keys, and no more than
    `MAX_VALUES` values."""

    values = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        self.values += 1
        if self.values > MAX_VALUES:
            raise _too_many(self.peek_event().start_mark)  # type: ignore[no-untyped-call]
        node = super().compose_node(parent, index)
        if node is not None and not _tag_fits(node):
            problem = "a tag (!!...) does not fit its value"
            raise yaml.MarkedYAMLError(problem=problem, problem_mark=node.start_mark)
        return node

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if not isinstance(key, str):
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key {key!r} is not text: quote it", key_node.start_mark
                )
            if key in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key {key!r} stands here twice", key_node.start_mark
                )
            seen.add(key)
        return super().construct_mapping(node, deep)

    def construct_yaml_int(self, node: yaml.ScalarNode) -> int:
        """In YAML 1.2 a leading 0 means nothing."""
        return int(node.value, {"0o": 8, "0x": 16}.get(node.value[:2], 10))


def _tag_fits(node: yaml.Node) -> bool:
    """Of the tags of YAML 1.1, some make PyYAML fail, others take it minutes."""
    if not isinstance(node, yaml.ScalarNode):
        kind = "map" if isinstance(node, yaml.MappingNode) else "seq"
        return bool(node.tag == _TAG + kind)
    pattern = CORE.get(node.tag.removeprefix(_TAG))
    return pattern is not None and re.fullmatch(pattern, node.value) is not None


def _too_many(mark: yaml.Mark) -> yaml.MarkedYAMLError:
    problem = f"more than {MAX_VALUES} values, aliases included"
    return yaml.MarkedYAMLError(problem=problem, problem_mark=mark)


_Loader.add_constructor(f"{_TAG}int", _Loader.construct_yaml_int)
_Loader.yaml_implicit_resolvers = {}
for _name, _first in (
    ("bool", "tTfF"),
    ("null", "~nN"),
    ("int", "-+0123456789"),
    ("float", "-+.0123456789"),
):
    _Loader.add_implicit_resolver(
        _TAG + _name,
        re.compile(f"^(?:{CORE[_name]})$"),
        list(_first) + ([""] if _name == "null" else []),
    )


def read_yaml(path: Path) -> Any:
    """What a YAML file holds. Raises `MissingFileError` and `ConfigError`, one line each."""
    return parse_yaml(read_text(path), str(path))


def read_text(path: Path) -> str:
    """The text of a YAML file, of one that is too large the beginning. Raises as `read_yaml`."""
    try:
        with path.open("rb") as file:
            return file.read(MAX_BYTES + 1).decode()
    except OSError as error:
        raise MissingFileError(f"{path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: not UTF-8 text (byte {error.start})") from error


def parse_yaml(text: str, where: str) -> Any:
    """What YAML text says; ``where`` it stands is named by the `ConfigError`, in one line."""
    if len(text) > MAX_BYTES:
        raise ConfigError(f"{where}: more than {MAX_BYTES / 1e6:g} MB of YAML")
    try:
        loader = _Loader(text)  # raises at characters that YAML does not allow
        try:
            node = loader.get_single_node()
            if node is None:
                return None
            _check_size(node)
            return loader.construct_document(node)
        finally:
            loader.dispose()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = f", line {mark.line + 1}" if mark else ""
        problem = " ".join(str(error.problem or error.context).split())
        raise ConfigError(f"{where}{line}: {problem[:200]}") from error
    except RecursionError as error:
        raise ConfigError(f"{where}: lists or mappings are nested too deeply") from error
    except (yaml.YAMLError, ValueError) as error:
        raise ConfigError(f"{where}: {' '.join(str(error).split())[:200]}") from error


def compose_yaml(text: str) -> yaml.Node | None:
    """The nodes of a text that `parse_yaml` takes, with their lines; None where it has none."""
    loader = _Loader(text)
    try:
        node: yaml.Node | None = loader.get_single_node()
        return node
    finally:
        loader.dispose()


def _check_size(root: yaml.Node) -> None:
    """Raises `MarkedYAMLError` for a node that contains itself or more than `MAX_VALUES`."""
    sizes: dict[int, int] = {}
    open_nodes: set[int] = set()

    def size(node: yaml.Node) -> int:
        if id(node) in sizes:
            return sizes[id(node)]
        if id(node) in open_nodes:
            raise yaml.MarkedYAMLError(problem="contains itself", problem_mark=node.start_mark)
        open_nodes.add(id(node))
        total = 1 + sum(size(child) for child in _children(node))
        if total > MAX_VALUES:
            raise _too_many(node.start_mark)
        open_nodes.discard(id(node))
        sizes[id(node)] = total
        return total

    size(root)


def _children(node: yaml.Node) -> list[yaml.Node]:
    if isinstance(node, yaml.MappingNode):
        return [child for pair in node.value for child in pair]
    return list(node.value) if isinstance(node, yaml.SequenceNode) else []


def load(path: Path, cls: type[T]) -> T:
    """A YAML file as the frozen dataclass ``cls``; `ConfigError` lists every fault in it."""
    try:
        return parse(cls, read_yaml(path))
    except ValidationErrors as error:
        raise ConfigError(f"{path}: {error}") from error
