# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The shell commands of workflows as files; run as `python -m dev.workflow_scripts FOLDER WORKFLOW...` with PyYAML."""

import sys
from pathlib import Path

import yaml


def main(folder: str, *workflows: str) -> int:
    """Write one script for each step that runs commands, and print how many there are."""
    count = 0
    for file in map(Path, workflows):
        for job, content in yaml.safe_load(file.read_text(encoding="utf-8"))["jobs"].items():
            for number, step in enumerate(content["steps"], 1):
                if "run" in step:
                    script = Path(folder) / f"{file.stem}-{job}-{number}.sh"
                    script.write_text("#!/usr/bin/env bash\nset -e\n" + step["run"].rstrip() + "\n", encoding="utf-8")
                    count += 1
    print(count)
    return int(count == 0)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
