# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What containerd's configuration does to a restart. Pure. Internal to the collection.

Sources: services/server/server.go:New@v1.7.24, cmd/containerd/server/server.go:New@v2.3.4, pkg/timeout; the plugins
that the runtime needs were disabled one by one on 1.6.20, 1.7.24, 2.1.9, 2.2.7, 2.3.4 and 2.4.0-beta.0.
"""

from __future__ import annotations

import re
from typing import Iterator, List, NamedTuple, Optional, Tuple

from ansible_collections.shimops.containerd.plugins.module_utils._forecast.hazard import Hazard
from ansible_collections.shimops.containerd.plugins.module_utils._host.configuration import (
    NEWEST_VERSION,
    Configuration,
)
from ansible_collections.shimops.containerd.plugins.module_utils._host.releases import at_least

#: A shim that is well answers in a millisecond, but not while many are loaded at once. In seconds.
SHORT = 0.1

# Without one of these there is no runtime, or it cannot be reached.
_NEEDED = (
    "io.containerd.content.v1.content",
    "io.containerd.event.v1.exchange",
    "io.containerd.grpc.v1.tasks",
    "io.containerd.metadata.v1.bolt",
    "io.containerd.runtime.v2.task",
    "io.containerd.service.v1.tasks-service",
)
_SHIM_MANAGER = "io.containerd.shim.v1.manager"
# 1.7 needs it, 2.1 does without, 2.2 and later need it (core/runtime/v2/task_manager.go@v2.2.7).
_WARNINGS = "io.containerd.warning.v1.deprecations"
_CRI = ("io.containerd.grpc.v1.cri", "io.containerd.cri.v1.runtime")
_CHECK = "correct it until this prints it: {0} config dump"

# platforms.Parse of containerd/platforms: a word alone has to be known, in front of a slash it need not be.
_PART = re.compile(r"[A-Za-z0-9_.()-]+$")
_SYSTEMS = "aix android darwin dragonfly freebsd illumos ios js linux netbsd openbsd plan9 solaris windows zos macos"
_MACHINES = (
    "386 amd64 amd64p32 arm armbe arm64 arm64be ppc64 ppc64le loong64 mips mipsle mips64 mips64le mips64p32 "
    "mips64p32le ppc riscv riscv64 s390 s390x sparc sparc64 wasm i386 x86_64 x86-64 aarch64 armhf armel"
)
_KNOWN = tuple((_SYSTEMS + " " + _MACHINES).split())


class Start(NamedTuple):
    """What the next start would find.

    ``address`` is the one in use. ``plugins`` are those of the running containerd that loaded, None when it did not
    list them. ``pods`` says whether there are containers of Kubernetes.
    """

    configuration: Configuration
    address: str
    plugins: Optional[Tuple[str, ...]]
    pods: bool


def of_configuration(start: Start, release_class: str) -> Iterator[Hazard]:
    """Every hazard that comes from the configuration, for a restart into a release of that class."""
    found = start.configuration
    if found.start_failure:
        yield Hazard(
            "configuration_invalid",
            "runtime_absent",
            "containerd would not start with {0}: {1}".format(found.file, found.start_failure),
            _CHECK.format("containerd --config " + found.file),
        )
        return
    if found.problem:
        yield Hazard(
            "configuration_unknown",
            "unknown",
            "what containerd would start with is not known: {0}".format(found.problem),
            _CHECK.format("containerd"),
        )
        return
    if found.version and found.version > NEWEST_VERSION:
        yield Hazard(
            "configuration_newer",
            None,
            "the configuration has version {0}, and this collection knows {1}".format(found.version, NEWEST_VERSION),
            "look for a newer release of this collection",
        )
    if found.load_timeout < SHORT:
        yield _load_timeout(found)
    yield from _plugins(start, release_class)
    if start.address and found.address and found.address != start.address:
        yield Hazard(
            "address_moved",
            "unknown",
            "containerd listens on {0}, but its configuration says {1}, where its clients would not find it".format(
                start.address, found.address
            ),
            "put the address back into the configuration, or change it in every client (kubelet, dockerd) as well",
        )


def _load_timeout(found: Configuration) -> Hazard:
    """A context with a time-out of 0 or less ends before anything is asked (pkg/timeout/timeout.go:WithContext)."""
    ended = found.load_timeout <= 0
    effect = "containerd gives up every shim at once" if ended else "too short to be sure of"
    return Hazard(
        "load_timeout",
        "killed" if ended else "unknown",
        "the time-out io.containerd.timeout.shim.load is {0:g} s: {1}".format(found.load_timeout, effect),
        "set it to 5s, containerd's default, in {0}".format(found.file),
    )


def _plugins(start: Start, release_class: str) -> Iterator[Hazard]:
    found = start.configuration
    off = [name for name in _needed(release_class) if _named(name, found.disabled_plugins)]
    wrong = [name for name in found.platforms or () if not _is_platform(name)]
    if off:
        yield Hazard(
            "runtime_disabled",
            "runtime_absent",
            "{0} disables {1}, without which containerd manages no task".format(found.file, off[0]),
            "take it out of disabled_plugins",
        )
    if wrong:
        yield Hazard(
            "platforms_invalid",
            "runtime_absent",
            "the runtime's platforms in {0} name {1!r}, which is not a platform".format(found.file, wrong[0]),
            "name platforms such as linux/amd64, or leave the setting out",
        )
    for name in found.required_plugins:
        disabled = _named(name, found.disabled_plugins)
        if disabled or start.plugins is None or not _loaded(name, start.plugins):
            known = disabled or start.plugins is not None
            yield Hazard(
                "required_plugin",
                "runtime_absent" if known else "unknown",
                "{0} requires the plugin {1}, which {2}".format(
                    found.file, name, "does not load" if known else "may not load: containerd did not list its plugins"
                ),
                "take it out of required_plugins",
            )
            return
    if start.pods and any(_named(name, found.disabled_plugins) for name in _CRI):
        yield Hazard(
            "cri_disabled",
            None,
            "{0} disables containerd's CRI, and there are pods".format(found.file),
            "take it out of disabled_plugins, or drain the node",
        )


def _needed(release_class: str) -> List[str]:
    needed = list(_NEEDED)
    if at_least(release_class, "V20a"):
        needed.append(_SHIM_MANAGER)
    if release_class == "V17" or at_least(release_class, "V22"):
        needed.append(_WARNINGS)
    return needed


def _named(name: str, listed: Tuple[str, ...]) -> bool:
    """Whether a list names a plugin.

    A configuration of version 1 names the last part alone (V1DisabledFilter), and the dump of 1.x leaves it so while it
    prints version 2; later versions take only whole names.
    """
    return name in listed or name.rpartition(".")[2] in listed


def _loaded(name: str, plugins: Tuple[str, ...]) -> bool:
    return any(_named(one, (name,)) for one in plugins)


def _is_platform(text: str) -> bool:
    parts = text.split("/")
    if len(parts) > 3 or not all(_PART.match(part) for part in parts):
        return False
    return len(parts) > 1 or parts[0].lower() in _KNOWN
