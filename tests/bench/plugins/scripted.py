# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: scripted
short_description: A connection that answers at once
description: For benchmarks. Each module gets the result that a real host gave, from a file of its name.
author: shimops.containerd authors (@shimops)
options:
  answers:
    description: The folder of these files.
    type: path
    vars:
      - name: scripted_answers
"""

import re
from pathlib import Path

from ansible.plugins.connection import ConnectionBase

_MODULE = re.compile(rb"ansible_collections\.shimops\.containerd\.plugins\.modules\.(\w+)|ansible\.modules\.(\w+)")


class Connection(ConnectionBase):
    """A host that is nothing but a folder of answers."""

    transport = "scripted"
    has_pipelining = True

    def _connect(self):
        self._connected = True
        return self

    def exec_command(self, cmd, in_data=None, sudoable=True):
        """Answer for the module whose code came in."""
        found = _MODULE.search(in_data or b"")
        if not found:
            return 0, b"", b""
        name = (found[1] or found[2]).decode("ascii")
        return 0, Path(self.get_option("answers"), f"{name}.json").read_bytes(), b""

    def put_file(self, in_path, out_path):
        """No file is ever sent: modules come through the pipe."""
        raise NotImplementedError

    def fetch_file(self, in_path, out_path):
        """No file is ever fetched."""
        raise NotImplementedError

    def close(self):
        """Nothing is open."""
        self._connected = False
