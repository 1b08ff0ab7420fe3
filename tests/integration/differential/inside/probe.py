# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The real module shim_probe, run here with its options as JSON on standard input; its result on standard output."""

import json
import sys

from ansible.module_utils.testing import patch_module_args

from ansible_collections.shimops.containerd.plugins.modules import shim_probe

with patch_module_args(json.load(sys.stdin)):
    shim_probe.main()
