# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""docs/supported.md: what was run, made from the results of the tests that show it."""

import ast
import json
import os
import re
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from dev import lab_gates, place, process

PAGE = Path("docs/supported.md")
LAB = "shmatrix"
_TESTS = Path("tests/integration/lab")
_LINES = ("1.6", "1.7", "2.0", "2.1", "2.2", "2.3", "2.4")
_COLUMNS = ("done", "containerd", "system", "layout", "runtime", "clients", "login")
_HEAD = """# What was run

This page is made by `./dev matrix` from the results of the tests that it names; they run on real hosts of the
[lab](lab.md). A test that fails has no row. *Emulated supervisor*: the containerd is real, the program that starts and
watches it behaves as that product's sources say.

"""
_ELSEWHERE = f"""
Nor, because the lab does not have them: distributions of the RPM family and SUSE (dnf and rpm are Debian's own), hosts
with SELinux, processors other than {os.uname().machine}, the programs of k3s, RKE2, k0s and MicroK8s, rootless
Docker, Kata Containers.
"""


def matrix(words: Sequence[str]) -> int:
    """Run the tests that cover something, and those of no other run; write the page if all passed, and print it."""
    with tempfile.TemporaryDirectory(prefix="shimops-matrix-") as scratch:
        rows = Path(scratch, "rows")
        env = {**lab_gates.pytest_env(), "SHIMOPS_LAB": LAB, "SHIMOPS_COVERED": str(rows)}
        argv = lab_gates.pytest_argv(["-v", "-ra", "-m", "covers or matrix", *words, str(lab_gates.TESTS)])
        status = process.run(argv, env=env, cwd=place.ROOT)
        found = [json.loads(line) for line in rows.read_text("utf-8").splitlines()] if rows.exists() else []
    text = page(found)
    print(text)
    if status == 0 and not words:
        (place.ROOT / PAGE).write_text(text, encoding="utf-8")
    return status


def page(rows: Sequence[Mapping[str, str]]) -> str:
    """Return the page: one table of what was run, and what of it was not."""
    tests: dict[tuple[str, ...], set[str]] = {}
    for row in rows:
        tests.setdefault(tuple(row[column] for column in _COLUMNS), set()).add(row["test"])
    lines = ["| " + " | ".join((*_COLUMNS, "test")) + " |", "|" + "---|" * (len(_COLUMNS) + 1)]
    for key, names in sorted(tests.items(), key=lambda item: (item[0][3], item[0])):
        lines.append("| " + " | ".join((*key, "<br>".join(f"`{name}`" for name in sorted(names)))) + " |")
    releases = {row["containerd"] for row in rows} | set(
        re.findall(r"\d+\.\d+\.\d+", " ".join(r["done"] for r in rows))
    )
    absent = [line for line in _LINES if not any(one.startswith(line + ".") for one in releases)]
    missing = f"\n## What was not run\n\nBy these tests: containerd {', '.join(absent)}, which Debian does not have.\n"
    return _HEAD + "\n".join(lines) + "\n" + missing + _ELSEWHERE


def stale(texts: Mapping[Path, str]) -> Iterator[str]:
    """The page names every test that covers something, and no other."""
    listed = set(re.findall(r"`(\w+\.py::\w+)`", texts.get(PAGE, "")))
    there = {
        f"{name.name}::{function.name}"
        for name, text in texts.items()
        if name.parent == _TESTS and name.name.startswith("test_")
        for function in ast.parse(text).body
        if isinstance(function, ast.FunctionDef) and any(one.arg == "covers" for one in function.args.args)
    }
    for name in sorted(listed ^ there):
        what = "is no test that covers anything" if name in listed else "is missing"
        yield f"{PAGE}: {name} {what}; run ./dev matrix"
