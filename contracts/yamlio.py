"""YAML text -> plain data plus the line of every value; duplicate keys and aliases are problems, not silent choices.

The one door to PyYAML. No knowledge of what the settings mean.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import yaml  # noqa: TID251  this is the door

Path = tuple[str | int, ...]


class Problem(NamedTuple):
    """One thing wrong with a file: where (key path, 1-based line) and what, the value seen included."""

    path: Path
    line: int
    text: str

    def __str__(self) -> str:
        """`line 7: dns.workers: expected a whole number, saw 'two'`."""
        place = f"{path_text(self.path)}: " if self.path else ""
        return f"line {self.line}: {place}{self.text}"


class Document(NamedTuple):
    """Data of a YAML file with the line of every key path, and the problems found on the way."""

    data: Any
    lines: dict[Path, int]
    problems: list[Problem]


def path_text(path: Path) -> str:
    """`("dns", "listen", 0)` -> `dns.listen[0]`."""
    text = ""
    for step in path:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else step
    return text


def read(text: str) -> Document:
    """Never raises on bad text: a syntax error is the one problem of an empty document."""
    document = Document({}, {(): 1}, [])
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
        what = getattr(error, "problem", None) or str(error).splitlines()[0]
        document.problems.append(Problem((), mark.line + 1 if mark else 1, f"not YAML: {what}"))
        return document
    if node is None:
        return document
    loader = yaml.SafeLoader("")
    data = _plain(node, (), document, loader, set())
    return document._replace(data=data)


def _plain(node: yaml.Node, path: Path, document: Document, loader: yaml.SafeLoader, seen: set[int]) -> Any:
    line = node.start_mark.line + 1
    document.lines.setdefault(path, line)
    if id(node) in seen:
        document.problems.append(Problem(path, line, "aliases (*name) are not supported here"))
        return None
    seen.add(id(node))
    if isinstance(node, yaml.MappingNode):
        return _mapping(node, path, document, loader, seen)
    if isinstance(node, yaml.SequenceNode):
        return [_plain(item, (*path, index), document, loader, seen) for index, item in enumerate(node.value)]
    try:
        return loader.construct_object(node, deep=True)
    except (yaml.YAMLError, ValueError) as error:
        document.problems.append(Problem(path, line, f"cannot read {node.value!r}: {error}".splitlines()[0]))
        return None


def _mapping(node: yaml.MappingNode, path: Path, document: Document, loader: yaml.SafeLoader, seen: set[int]) -> Any:
    found = dict[str, Any]()
    for key_node, value_node in node.value:
        key = str(key_node.value)
        line = key_node.start_mark.line + 1
        inner = (*path, key)
        if key in found:
            document.problems.append(Problem(inner, line, f"given twice, first on line {document.lines[inner]}"))
            continue
        document.lines[inner] = line
        found[key] = _plain(value_node, inner, document, loader, seen)
    return found
