# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Write the drawings into a directory: `python -m docs.pictures.drawings DIRECTORY`."""

import sys
from pathlib import Path

from docs.pictures import progress, route, timeline

DRAWINGS = {"route.svg": route.draw, "restart.svg": timeline.draw, "progress.svg": progress.draw}


def main(folder: str) -> int:
    """Write each drawing below the directory, which exists."""
    for name, draw in DRAWINGS.items():
        (Path(folder) / name).write_text(draw(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
