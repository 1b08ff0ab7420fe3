# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The report as a picture: the page of an audit of made-up hosts, in Chromium. Needs the environment of the browser."""

import datetime
import sys
import tempfile
from pathlib import Path

import run_folder
from chromium import Browser

from ansible_collections.shimops.containerd.plugins.plugin_utils._reports import audit, build, files

HOSTS, BUNDLES = 60, 8
HEIGHT = 940


def page(folder: Path) -> Path:
    """Write the example run and its report below the folder; return the path of the page."""
    documents = dict(run_folder.fleet(HOSTS, BUNDLES, every=6))
    path = run_folder.write(folder / "nightly", "audit", documents)
    known, judge = audit.engine(audit.SHIPPED, [], datetime.date(2026, 6, 30))
    wanted = build.Wanted(["html"], "", known, judge, None)
    with files.Output(f"{path}/reports") as output:
        build.build(files.RunFolder(path), wanted, output)
        (written,) = output.commit()
    return Path(written)


def main(picture: str) -> int:
    """Write the upper part of the page as a PNG to the path."""
    with tempfile.TemporaryDirectory() as folder:
        browser = Browser()
        try:
            browser.open(page(Path(folder)).as_uri())
            Path(picture).write_bytes(browser.screenshot(HEIGHT))
            complaints = browser.complaints()
        finally:
            browser.driver.quit()
    print(*complaints, sep="\n", file=sys.stderr)
    return int(bool(complaints))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
