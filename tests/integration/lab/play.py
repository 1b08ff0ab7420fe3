# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Modules of the collection, run over ssh on all hosts at once; and other work done on all hosts at once."""

import concurrent.futures
import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

FQCN = "shimops.containerd"


def run(fleet, module, args, hosts=None, check=False, extra_env=None, timeout=180, more=()):
    """Run one module on the hosts (names or Host objects; None for all) and return each host's result by name.

    ``args`` has at least one key; ``more`` are words of the command line. A module that fails is no exception: every
    result has ``failed``, true or false.
    """
    command, env = [*argv(fleet, module, args, hosts, check), *more], environment(extra_env)
    with tempfile.TemporaryDirectory(prefix="shimops-play-") as tree:
        done = subprocess.run(
            [*command, "--tree", tree],
            env=env,
            stdin=subprocess.DEVNULL,
            check=False,
            capture_output=True,
            text=True,
            timeout=timeout,
        )
        results = {path.name: json.loads(path.read_text(encoding="utf-8")) for path in Path(tree).iterdir()}
    # The tree's files do not say whether the module failed; the lines for people do.
    words = dict(re.findall(r"^(\S+) \| (\w+)!? =>", done.stdout, re.MULTILINE))
    missing = sorted(set(names(fleet, hosts)) - (set(results) & set(words)))
    assert not missing, f"no result of {missing}: {done.stdout}\n{done.stderr}"
    for name, result in results.items():
        assert words[name] in ("SUCCESS", "CHANGED", "FAILED", "SKIPPED"), f"{name}: {words[name]} {result.get('msg')}"
        result["failed"] = words[name] == "FAILED"
        assert "module_stderr" not in result, f"{name}: {result['module_stderr']}"
        assert "Traceback" not in str(result.get("exception")), f"{name}: {result['exception']}"
    return results


def book(fleet, playbook, *words, timeout=300, cwd=None):
    """Run a playbook (a path, or its full name) over the lab; the finished process, its output printed.

    It is run in an empty folder unless one is named; a roll leaves the folder of its run there.
    """
    if cwd is not None:
        return _book(fleet, playbook, words, timeout, cwd)
    with tempfile.TemporaryDirectory(prefix="shimops-play-") as empty:
        return _book(fleet, playbook, words, timeout, empty)


def _book(fleet, playbook, words, timeout, cwd):
    done = subprocess.run(
        [str(Path(sys.executable).parent / "ansible-playbook"), "-i", str(fleet.inventory), str(playbook), *words],
        env=environment(),
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        check=False,
        capture_output=True,
        text=True,
        timeout=timeout,
    )
    print(done.stdout, done.stderr)
    return done


def start(fleet, module, args, hosts=None, check=False, extra_env=None, **options):
    """The same without waiting, for a test that ends the controller's side in the middle; a subprocess.Popen."""
    options = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, **options}
    return subprocess.Popen(argv(fleet, module, args, hosts, check), env=environment(extra_env), text=True, **options)


def argv(fleet, module, args, hosts=None, check=False):
    """The command line of one ad hoc run."""
    wanted = names(fleet, hosts)
    command = [str(Path(sys.executable).parent / "ansible"), "-i", str(fleet.inventory), ",".join(wanted)]
    command += ["-m", module if "." in module else f"{FQCN}.{module}", "-a", json.dumps(args)]
    return [*command, "-f", str(len(wanted)), *(["--check", "--diff"] if check else [])]


def environment(extra=None):
    """The environment of an ad hoc run; pipelining halves the round trips of a module."""
    here = {"ANSIBLE_PIPELINING": "1", "ANSIBLE_NOCOLOR": "1", "ANSIBLE_DEPRECATION_WARNINGS": "0"}
    return {**os.environ, **here, "LC_ALL": "C.UTF-8", **(extra or {})}


def names(fleet, hosts=None):
    """The names of these hosts, or of all."""
    return [getattr(host, "name", host) for host in (fleet.hosts if hosts is None else hosts)]


def together(hosts, work):
    """``work(host)`` on all these hosts at once; what it gives, by the host's name."""
    hosts = list(hosts)
    with concurrent.futures.ThreadPoolExecutor(max(len(hosts), 1)) as pool:
        return dict(zip([host.name for host in hosts], pool.map(work, hosts)))


def reset(fleet, hosts):
    """Put all these hosts back as the lab started them."""
    together(hosts, fleet.reset)
