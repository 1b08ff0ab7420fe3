# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""YAML files of rules and waivers, with the parser of libyaml where PyYAML has it. Internal to the collection."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Union

import yaml

# Both are safe. Each host makes its task read the packs again, which takes a tenth of the time in C.
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def load(path: Union[str, Path]) -> Any:
    """Return what a file holds.

    :raises OSError: when it cannot be read.
    :raises yaml.YAMLError: when it is not YAML, and UnicodeDecodeError when it is not text.
    """
    with open(os.path.expanduser(path), encoding="utf-8") as handle:
        return yaml.load(handle, Loader=_LOADER)
