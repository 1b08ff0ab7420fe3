# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Names that belong to one machine and must not be in the tree: its paths, its package hosts."""

import re
from pathlib import Path

from dev import place, process

# The well-known ones; what this very machine is configured with is added to them.
REGISTRIES = (
    r"pypi\.org|pypi\.python\.org|pythonhosted\.org|(?:deb|ftp|security|snapshot)\.debian\.org|archive\.ubuntu\.com"
)
# A checkout straight below one of these says nothing about whose machine it is.
STANDARD = {"/", "/home", "/opt", "/root", "/srv", "/tmp", "/usr", "/usr/src", "/var", "/var/lib", "/var/tmp"}
_HOST = re.compile(r"https?://(?:[^/@\s]*@)?([a-z0-9.-]+\.[a-z][a-z0-9-]*)", re.IGNORECASE)


def paths() -> list[str]:
    """Return the paths that show where this checkout lies."""
    parent = str(place.ROOT.parent)
    found = [f"{parent}/"] if parent not in STANDARD else []
    return found if place.ROOT.parent == Path("/") else [*found, str(place.ROOT)]


def hosts() -> set[str]:
    """Return the hosts that apt and pip of this machine are configured to use."""
    apt = Path("/etc/apt")
    sources = [*apt.glob("sources.list"), *apt.glob("sources.list.d/*"), *apt.glob("apt.conf.d/*")]
    lines = [line for path in sources if path.is_file() for line in path.read_text(errors="replace").splitlines()]
    configured = [line for line in lines if not line.lstrip().startswith(("#", "//"))]
    configured.append(process.answer(["python3", "-m", "pip", "config", "list"]) or "")
    return {host.lower() for text in configured for host in _HOST.findall(text) if host != "localhost"}


def pattern() -> re.Pattern[str]:
    """Return what no line of the tree may match."""
    words = [rf"(?<![\w.}}/-]){re.escape(path)}" for path in paths()]
    words += [rf"(?<![\w.-])(?:[\w-]+\.)*(?:{REGISTRIES})", r"/home/[a-z]\w*/", r"/root/\.\w+/versions"]
    words += [rf"(?<![\w.-]){re.escape(host)}" for host in sorted(hosts())]
    return re.compile("|".join(words), re.IGNORECASE)
