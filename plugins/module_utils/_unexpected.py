# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An unexpected exception, as one sentence with its stage and place. Internal to the collection."""

from __future__ import annotations

import os
import traceback

from ansible_collections.shimops.containerd.plugins.module_utils._errors import ShimError

_OURS = "ansible_collections.shimops.containerd."
_LONGEST = 200


def explained(error: Exception) -> ShimError:
    """The error itself when it is one of the route, else a ShimError that says where it came from.

    Its stage is the innermost of the collection's own files on the way to it.
    """
    if isinstance(error, ShimError):
        return error
    frames = list(traceback.walk_tb(error.__traceback__))
    ours = [(frame, line) for frame, line in frames if str(frame.f_globals.get("__name__")).startswith(_OURS)] or frames
    words = "{0}: {1}".format(type(error).__name__, error) if str(error) else type(error).__name__
    stage, place = "module", "an unknown place"
    if ours:
        frame, line = ours[-1]
        name = os.path.basename(frame.f_code.co_filename)
        stage, place = os.path.splitext(name)[0], "{0}, line {1}, {2}".format(name, line, frame.f_code.co_name)
    return ShimError(
        stage,
        "this module",
        "has a defect ({0}; in {1})".format(words[:_LONGEST], place),
        "report it with the traceback that -vvv shows",
    )
