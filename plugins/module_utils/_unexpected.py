# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An exception that nobody foresaw, as one sentence with its stage and place. Internal to the collection."""

from __future__ import annotations

import os
import traceback

from ansible_collections.shimops.containerd.plugins.module_utils._errors import ShimError

_OURS = os.path.join("shimops", "containerd", "plugins")
_LONGEST = 200


def explained(error: Exception) -> ShimError:
    """The error itself when it is one of the route, else a ShimError that says where it came from.

    Its stage is the innermost of the collection's own files on the way to it.
    """
    if isinstance(error, ShimError):
        return error
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if _OURS in frame.filename] or list(frames)
    words = "{0}: {1}".format(type(error).__name__, error) if str(error) else type(error).__name__
    stage, place = "module", "an unknown place"
    if ours:
        name = os.path.basename(ours[-1].filename)
        stage, place = os.path.splitext(name)[0], "{0}, line {1}, {2}".format(name, ours[-1].lineno, ours[-1].name)
    return ShimError(
        stage,
        "this module",
        "has a defect ({0}; in {1})".format(words[:_LONGEST], place),
        "report it with the traceback that -vvv shows",
    )
