# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""All reports on 200 and 2,000 made-up hosts of 100 bundles: time of each, and peak memory, which must not grow."""

import datetime
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "tests" / "unit" / "support")]

from dev import checkout  # noqa: E402  # after the path that leads to it

BUNDLES = 100
SIZES = (200, 2000)
MIB = 1024 * 1024


def measure(path):
    """Build every report of the run at ``path`` in this process; the seconds of each form, and the peak."""
    from ansible_collections.shimops.containerd.plugins.plugin_utils._reports import audit, build, files

    run = files.RunFolder(path)
    spent = {}
    for name, writer in build.FORMATS.items():
        build.FORMATS[name] = timed(writer, name, spent)
    known, judge = audit.engine(audit.SHIPPED, [], datetime.date(2026, 6, 30))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start = time.perf_counter()
    with files.Output(path + "/reports") as output:
        build.build(run, build.Wanted(list(build.FORMATS), "", known, judge), output)
        paths = output.commit()
    whole = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    sizes = {Path(one).name: Path(one).stat().st_size for one in paths}
    print(json.dumps({"seconds": whole, "spent": spent, "before": before * 1024, "peak": peak * 1024, "sizes": sizes}))


def timed(writer, name, spent):
    """The same form, with the time that it takes added up."""

    class Timed(writer):
        def __init__(self, output, head):
            spent[name] = 0.0
            super().__init__(output, head)

        def host(self, report):
            start = time.perf_counter()
            super().host(report)
            spent[name] += time.perf_counter() - start

        def end(self, totals):
            start = time.perf_counter()
            super().end(totals)
            spent[name] += time.perf_counter() - start

    return Timed


def main():
    """Generate, measure each size in a process of its own, and compare the peaks."""
    import run_folder

    results = {}
    with tempfile.TemporaryDirectory(prefix="shimops-bench-") as folder:
        for hosts in SIZES:
            path = run_folder.write(f"{folder}/{hosts}", "audit", run_folder.fleet(hosts, BUNDLES))
            argv = [sys.executable, __file__, "measure", path]
            env = {"PYTHONPATH": str(checkout.collections_path()), "PYTHONDONTWRITEBYTECODE": "1", "LC_ALL": "C.UTF-8"}
            done = subprocess.run(argv, env=env, check=True, stdout=subprocess.PIPE, text=True)
            results[hosts] = json.loads(done.stdout)
            show(hosts, results[hosts])
    few, many = (results[hosts] for hosts in SIZES)
    growth, page = many["peak"] - few["peak"], many["sizes"]["report.html"]
    reported = f"from {SIZES[0]} to {SIZES[1]} hosts; the page is {page / MIB:.1f} MiB"
    print(f"peak memory grew by {growth / MIB:.1f} MiB {reported}")
    if growth > page:
        print("memory grows with the number of hosts, beyond the page")
        return 1
    return 0


def show(hosts, result):
    """Print one size."""
    print(f"{hosts} hosts of {BUNDLES} bundles: {result['seconds']:.1f} s, peak {result['peak'] / MIB:.0f} MiB", end="")
    print(f" ({result['before'] / MIB:.0f} MiB before the first document)")
    rest = result["seconds"] - sum(result["spent"].values())
    print(f"  reading and judging  {rest:6.2f} s")
    for name, seconds in result["spent"].items():
        print(f"  {name:<19}  {seconds:6.2f} s")
    print("  " + ", ".join(f"{name} {size / MIB:.1f} MiB" for name, size in result["sizes"].items()))


if __name__ == "__main__":
    if sys.argv[1:2] == ["measure"]:
        measure(sys.argv[2])
    else:
        sys.exit(main())
