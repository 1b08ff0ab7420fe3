# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""pip's configuration of this machine as one file: ansible-test hides the environment from pip."""

import ast
import configparser
import io
import os
from pathlib import Path

from dev import machine, process


def write(path: Path, bin_dir: Path) -> None:
    """Write what pip gets from files and environment, proxies included, to `path`."""
    found = configparser.RawConfigParser()
    found.add_section("global")
    listing = process.answer([bin_dir / "python", "-m", "pip", "config", "list"], env=machine.clean_env()) or ""
    # The environment has the last word with pip, so it comes last here.
    for line in sorted(listing.splitlines(), key=lambda line: line.startswith(":env:")):
        key, _equals, value = line.partition("=")
        section, _dot, name = key.rpartition(".")
        section = "global" if section == ":env:" else section
        if not found.has_section(section):
            found.add_section(section)
        found.set(section, name, str(ast.literal_eval(value)))
    proxy = os.environ.get("https_proxy") or os.environ.get("HTTPS_PROXY")
    if proxy and not found.has_option("global", "proxy"):
        found.set("global", "proxy", proxy)
    # Hundreds of lines of downloads would hide the one that matters; errors are still shown.
    found.set("global", "quiet", "2")
    text = io.StringIO()
    found.write(text)
    path.parent.mkdir(parents=True, exist_ok=True)
    # An index's address may carry a password.
    path.touch(mode=0o600)
    path.write_text(text.getvalue())
