# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The processor time of the pure stages: restore, resolve, forecast and the start's estimate of 500 bundles."""

import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests"))

from dev import checkout  # noqa: E402  # after the path that leads to it

sys.path.insert(0, str(checkout.collections_path()))

from ansible_collections.shimops.containerd.plugins.module_utils._bundle import endpoint  # noqa: E402
from ansible_collections.shimops.containerd.plugins.module_utils._forecast.forecast import forecast, start_estimate  # noqa: E402
from ansible_collections.shimops.containerd.plugins.module_utils._host.releases import classify  # noqa: E402
from ansible_collections.shimops.containerd.tests.unit.support import observations  # noqa: E402

BUNDLES, ROUNDS, AIM = 500, 5, 50
RELEASES = ("1.6.20", "1.7.24", "2.1.9")


def a_host():
    """Bundles as on a node after an upgrade, each with its own socket, and what is heard from there."""
    host = []
    for number in range(BUNDLES):
        address = f"unix:///run/containerd/s/{number:064x}"
        newer = observations.parameters(3, address=address)
        older = observations.parameters(2, address=address)
        files = [{"address": address}, {"bootstrap_json": older, "address": address}, {"bootstrap_json": newer}]
        bundle = observations.a_bundle(id=f"task{number}", **files[number % 3])
        host.append((bundle, observations.said("v3" if number % 3 == 2 else "v2")))
    return host


def pure(host, release):
    """What the pure stages do for a whole host, from bundles and answers to forecasts; what was forecast."""
    delays = []
    for bundle, said in host:
        answers = dict.fromkeys(endpoint.candidates(bundle, release.candidates), said)
        observed = BLANK._replace(bundle=bundle, answers=answers)
        delays.append(forecast(observed, release, 5.0))
    start_estimate(tuple(one.delay for one in delays), release, 2)
    return delays


BLANK = observations.a_case(None, {}, "V17")


def main():
    """Print the least processor time of some rounds; the status says whether it is what it should be."""
    host = a_host()
    print(f"{'release':8} {'bundles':>7} {'CPU ms':>7}  outcomes")
    slow = False
    for name in RELEASES:
        release = classify(name)
        spent = []
        for _round in range(ROUNDS):
            began = time.process_time()
            found = pure(host, release)
            spent.append((time.process_time() - began) * 1000)
        outcomes = {one.outcome: 0 for one in found}
        for one in found:
            outcomes[one.outcome] += 1
        counted = ", ".join(f"{count} {outcome}" for outcome, count in outcomes.items())
        print(f"{name:8} {len(found):7} {min(spent):7.1f}  {counted}")
        slow = slow or min(spent) > AIM
    print(f"aim: under {AIM} ms")
    return int(slow)


if __name__ == "__main__":
    sys.exit(main())
