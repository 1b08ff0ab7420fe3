# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Plain: values in Python's own types. Internal."""

from __future__ import annotations

import json


def to_builtin(value: object):
    """Return the same value in plain types: those of Ansible's variables JMESPath does not know. Dates become text."""
    return json.loads(json.dumps(value, default=str))
