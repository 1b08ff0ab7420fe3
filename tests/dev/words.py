# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Words that people who read this collection stumble over, in prose, task names, messages, docstrings and comments."""

import io
import re
import tokenize
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

# What is checked: files, and folders with everything below them. Add a path when its words are clean.
CHECKED = (
    ".ci",
    ".github",
    "CHANGELOG.md",
    "CODE_OF_CONDUCT.md",
    "CONTRIBUTING.md",
    "README.md",
    "SECURITY.md",
    "changelogs/fragments",
    "dev",
    "docs",
    "galaxy.yml",
    "meta",
    "playbooks",
    "plugins",
    "roles",
    "tests",
)
# What cites: recorded data, licences, and the notes of releases that are out.
EXEMPT = (
    "COPYING",
    "LICENSES",
    "changelogs/changelog.yaml",
    "docs/host-document.example.json",
    "tests/unit/fixtures",
)

# A name of code is no prose: it has an underscore, a dot, a slash or a dash right at the word.
_WORDS = {
    r"told|tells?|telling": "say, report, list, record, show",
    r"mend(?:s|ed|ing|able)?": "rescue, repair, correct",
    r"beside": "next to, in addition to, in the same directory",
    r"let(?:s|ting)? go": "resume, release, done",
    r"way[ -]back": "rollback",
    r"(?:come|comes|coming|came) of": "result, outcome",
    r"brought": "installed, copied, restored",
    r"(?:a|an|another|each|every|first|last|next|one|second|the|two) looks?": "check, forecast, read",
}
_PATTERN = re.compile(
    "|".join(rf"(?<![\w./-])(?P<w{number}>{words})(?![\w/-]|\.\w)" for number, words in enumerate(_WORDS)),
    re.IGNORECASE,
)
_REMEDIES = tuple(_WORDS.values())

# Parts of prose that cite: inline code, and what Ansible's markup and double quotes enclose.
_INLINE = re.compile(r"``?[^`\n]+``?|\b(?:C|V|O|RV|E)\([^)]*\)")
_QUOTED = re.compile(r"\"[^\"]*\"", re.DOTALL)
_KEY = re.compile(r"^\s*(?:- )?[\w-]+:(?=\s|$)", re.MULTILINE)
# Output and data are quoted as they are; a play is ours.
_FENCED = re.compile(r"^ *```(?P<kind>[^\n]*)\n.*?^ *```", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\]\([^)]*\)")


def _blank(pattern: re.Pattern[str], text: str) -> str:
    """Return the text with every match replaced by as many spaces, so that lines and columns stay."""
    return pattern.sub(lambda match: match.group() if _is_play(match) else re.sub(r"[^\n]", " ", match.group()), text)


def _is_play(match: re.Match[str]) -> bool:
    return match.groupdict().get("kind") in ("yaml", "yml")


def _prose(text: str, *citing: re.Pattern[str]) -> str:
    for pattern in citing:
        text = _blank(pattern, text)
    return text


def _markdown(text: str) -> str:
    return _prose(text, _FENCED, _INLINE, _LINK, _QUOTED)


def _yaml(text: str) -> str:
    # Values in double quotes are messages and names, not citations.
    return _prose(text, _INLINE, _KEY)


def _python(text: str) -> str:
    """Return comments and strings where they stand, and spaces for the code around them."""
    lines = [" " * len(line) for line in text.splitlines()]
    kinds = {tokenize.COMMENT, tokenize.STRING, getattr(tokenize, "FSTRING_MIDDLE", -1)}
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        # A string of one word is a key or a value of code.
        if token.type not in kinds or re.fullmatch(r"\w*(['\"])\w+\1", token.string):
            continue
        inside = _prose(token.string, _INLINE, _KEY)
        if token.string.endswith('"""') or token.type == tokenize.COMMENT:
            # The three quotes around it are no quotation.
            inside = _prose(inside.replace('"""', "   "), _QUOTED)
        for row, part in enumerate(inside.split("\n"), token.start[0] - 1):
            column = token.start[1] if row == token.start[0] - 1 else 0
            lines[row] = lines[row][:column] + part + lines[row][column + len(part) :]
    return "\n".join(lines)


_READERS: Mapping[str, Callable[[str], str]] = {
    ".md": _markdown,
    ".py": _python,
    ".yml": _yaml,
    ".yaml": _yaml,
}


def _below(name: Path, places: tuple[str, ...]) -> bool:
    return any(name == Path(place) or Path(place) in name.parents for place in places)


def _found(name: Path, text: str) -> Iterator[str]:
    for number, line in enumerate(_READERS.get(name.suffix, str)(text).splitlines(), 1):
        for match in _PATTERN.finditer(line):
            words = _REMEDIES[int(str(match.lastgroup)[1:])]
            yield f"{name}:{number}: says {match.group()!r}; write plainly, such as: {words}"


# Each is found, or passed over, by the rule itself: a reader that goes blind fails the gate.
_CAUGHT = {
    "a.md": ("It is told.", "```yaml\n- name: Mend it\n```", "The way back", "What comes of it"),
    "a.yml": ("- name: Tell the run", "# kept beside it", 'msg: "way back: it"', "x: one look at it"),
    "a.py": ('"""Let go of it."""', "x = 'it was brought here'", "# mended\n", 'y = """\n- tell them\n"""'),
    "a.toml": ("# the last look\n",),
}
_PASSED = {
    "a.md": (
        "`told`",
        'it says "told"',
        "```yaml\n- x\n```\n\n```\nmend it\n```",
        "[x](a.md#way-back)",
        "look at it",
        "tell.yml",
    ),
    "a.yml": ("told:", "x: '{{ a.told }}'", "x: V(let_go)", "way_back: 1"),
    "a.py": ("told = tell(mend)", "x['told']", '"""The key ``told``."""', '"""\ntold:\n"""', '# the word "told"'),
}


def _sound() -> Iterator[str]:
    for name, samples in _CAUGHT.items():
        yield from (f"{__name__}: does not find {one!r}" for one in samples if not any(_found(Path(name), one)))
    for name, samples in _PASSED.items():
        yield from (f"{__name__}: finds {one!r}" for one in samples if any(_found(Path(name), one)))


def plain(texts: Mapping[Path, str]) -> Iterator[str]:
    """Give every word of the list in what is checked, and every fault of the rule itself.

    ``texts`` has the text of each file of the checkout by its relative path.
    """
    yield from _sound()
    for place in CHECKED:
        if not any(_below(name, (place,)) for name in texts):
            yield f"{__name__}: CHECKED names {place}, which is not there"
    for name, text in texts.items():
        if _below(name, CHECKED) and not _below(name, EXEMPT):
            # Here the words themselves are the data.
            yield from _found(name, text if name.name != "words.py" else re.sub(r"(?ms)^_\w+ = \{.*?^\}", "", text))
