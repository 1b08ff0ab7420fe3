# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Stage: bring one release of containerd to a host and try it there, without installing it. Internal.

All that can be known before anything is touched is judged here: the path, the dependencies, the room on the disk,
whether the new containerd runs and reads the configuration, and whether a rollback is possible.
"""

from __future__ import annotations

import contextlib
import os
import re
from typing import Any, Dict, List, NamedTuple, Optional, Tuple
from urllib.parse import quote

from ansible_collections.shimops.containerd.plugins.module_utils._deadline import Deadline
from ansible_collections.shimops.containerd.plugins.module_utils._errors import ShimError
from ansible_collections.shimops.containerd.plugins.module_utils._host import command, processes
from ansible_collections.shimops.containerd.plugins.module_utils._host.daemon import Daemon
from ansible_collections.shimops.containerd.plugins.module_utils._host.layouts import BUNDLED
from ansible_collections.shimops.containerd.plugins.module_utils._host.releases import upstream
from ansible_collections.shimops.containerd.plugins.module_utils._packages import (
    files,
    managers,
    settings,
    staged,
    tarball,
    version,
)
from ansible_collections.shimops.containerd.plugins.module_utils._packages.package_manager import (
    Change,
    Database,
    Manager,
    Package,
    Repository,
    Source,
)
from ansible_collections.shimops.containerd.plugins.module_utils._packages.staged import Staged

_TRIAL, _RUNTIME_TRIAL = "trial", "trial-runc"
# Where a package may have the OCI runtime that every shim runs.
_RUNTIMES = ("usr/bin/runc", "usr/sbin/runc", "bin/runc", "sbin/runc")
# Where the package manager works while the release is staged.
_ROOM = ".packages"
_CONFIG = "config.toml"
# What registries are entered with; values stay on the host.
_SECRET = re.compile(
    r"""^(\s*["']?\w*(?:auth|password|token|secret|username)\w*["']?\s*=\s*).*$""", re.MULTILINE | re.IGNORECASE
)


class Configuration(NamedTuple):
    """The configuration file: what is there, and what the new release would make of it; None when the same."""

    path: str
    before: Optional[str] = None
    after: Optional[str] = None

    def diff(self) -> Dict[str, Any]:
        """Both for Ansible's --diff, without what registries are entered with."""
        sentence = [_SECRET.sub(r"\1********", text or "") for text in (self.before, self.after or self.before)]
        return {
            "before": sentence[0],
            "after": sentence[1],
            "before_header": self.path,
            "after_header": self.path + " (migrated)",
        }


class Stage(NamedTuple):
    """The result of staging. ``back_reason`` says why no rollback is staged; ``changes`` are of other packages too."""

    plan: Staged
    changed: bool
    changes: List[Change]
    configuration: Configuration
    back: Optional[Staged]
    back_reason: str


class Stager:
    """Staging for one host.

    :param options: the module's options.
    :param here: the containerd that is to be replaced.
    :param wanted: the pinned version.
    """

    def __init__(self, options: Dict[str, Any], here: Daemon, wanted: str, deadline: Deadline):
        self._options, self._here, self._wanted, self._deadline = options, here, wanted, deadline
        self._release = version.release_of(wanted)
        self._root = options["staging"]
        if not here.executable:
            raise ShimError("package", "containerd", "is not installed here", "install it first, this replaces it")
        self._program: str = here.executable
        if here.layout in BUNDLED:
            problem = "is a part of {0}, which brings its own containerd".format(here.layout)
            raise ShimError("package", self._program, problem, "upgrade that, with tasks of your own")

    def run(self) -> Stage:
        """Fetch, check and try; raises ShimError, and then nothing was installed."""
        files.make_private(self._root)
        if self._options["tarball"]:
            return self._from_tarball()
        manager, owner = managers.of_program(self._program, self._deadline)
        name = self._options["package"] or owner
        if name and manager is None:
            manager = managers.of_package(name, self._deadline)
        if name is None or manager is None:
            raise ShimError(
                "package",
                self._program,
                "belongs to no package",
                "name a tarball, or bring tasks of your own that install it",
            )
        return self._from_packages(manager, name)

    # -- packages

    def _from_packages(self, manager: Manager, name: str) -> Stage:
        source = Source(self._options["directory"], self._options["repository"], self._options["update_cache"])
        room = os.path.join(self._root, _ROOM)
        files.make_room(room)
        repository = manager.repository(room, source, self._deadline)
        exact = repository.version(name, self._wanted)
        there = manager.database.package(name, self._deadline)
        # One that could not be set up is installed again, whatever its version.
        again = bool(there and not there.whole)
        changes = repository.changes(name, exact, again)
        self._require_known(name, changes)
        kind = manager.kind if changes else "nothing"
        plan = Staged(self._directory(exact), kind, self._release, exact, name, (), self._program)
        plan, fetched = self._fetched(plan, repository, again)
        back, reason = self._package_back(manager, repository, there, name)
        reason = "" if back else reason
        return self._tried(plan, fetched, changes, back, reason)

    def _require_known(self, name: str, changes: List[Change]) -> None:
        others = [one.name for one in changes if one.name not in [name] + list(self._options["dependencies"])]
        if others:
            raise ShimError(
                "package",
                "{0} {1}".format(name, self._wanted),
                "would also change {0}".format(", ".join(others[:5])),
                "do that first, or name them in dependencies",
            )

    def _fetched(self, plan: Staged, repository: Repository, again: bool) -> Tuple[Staged, bool]:
        """The plan with its files, and whether they had to be fetched."""
        old = staged.present(plan.directory)
        if old and old._replace(files=(), config=None, config_path=None) == plan and _whole(old):
            return plan._replace(files=old.files), False
        files.make_room(plan.directory)
        if plan.kind == "nothing":
            return plan, True
        names = []
        for path in repository.fetch(plan.package or "", plan.version, again):
            names.append(os.path.basename(path))
            os.rename(path, os.path.join(plan.directory, names[-1]))
        return plan._replace(files=tuple(names)), True

    def _package_back(
        self, manager: Manager, repository: Repository, there: Optional[Package], name: str
    ) -> Tuple[Optional[Staged], str]:
        """The package that is installed now, staged as well, or why it cannot be."""
        kept = self._kept()
        if kept or there is None or version.release_of(there.version) != upstream(self._here.running or ""):
            return kept, "" if kept else "the release that runs is not the one on disk"
        plan = Staged(
            self._directory(there.version),
            manager.kind,
            version.release_of(there.version),
            there.version,
            name,
            (),
            self._program,
        )
        try:
            repository.version(name, there.version)
            return self._fetched(plan, repository, True)[0], ""
        except ShimError as error:
            path = repository.cached(name, there.version)
            return self._copied(plan, path) if path else None, str(error)

    @staticmethod
    def _copied(plan: Staged, path: str) -> Staged:
        """The plan with that package file, which the package manager kept."""
        name = os.path.basename(path)
        files.make_room(plan.directory)
        files.require_space([(plan.directory, os.path.getsize(path))])
        files.copy(path, os.path.join(plan.directory, name), 0o600)
        return plan._replace(files=(name,))

    # -- a tarball

    def _from_tarball(self) -> Stage:
        path, target = self._options["tarball"], os.path.dirname(self._program)
        manager, owner = managers.of_program(self._program, self._deadline)
        if manager:
            raise ShimError(
                "package",
                self._program,
                "belongs to the package {0}".format(owner),
                "upgrade that with {0}".format(manager.kind),
            )
        files.require_ours(path, "tarball")
        tarball.check(path, self._options["checksum"])
        directory = self._directory(self._release)
        plan = Staged(directory, "tarball", self._release, self._release, None, (), self._program)
        if upstream(self._here.installed or "") == self._release:
            plan = plan._replace(kind="nothing")
        old = staged.present(directory)
        fetched = not (old and old._replace(files=(), config=None, config_path=None) == plan and _whole(old))
        names = old.files if old and not fetched else ()
        if fetched:
            files.make_room(directory)
            names = tuple(tarball.unpack(path, directory))
        plan = plan._replace(files=names)
        back, reason = self._tarball_back(target, names)
        return self._tried(plan, fetched, [], back, reason)

    def _tarball_back(self, target: str, names: Tuple[str, ...]) -> Tuple[Optional[Staged], str]:
        """The programs that are there now, copied."""
        kept, release = self._kept(), upstream(self._here.installed or "")
        if kept or release == self._release or release != upstream(self._here.running or ""):
            return kept, "" if kept else "the release that runs is not the one on disk"
        there = [name for name in names if os.path.isfile(os.path.join(target, name))]
        directory = self._directory(release)
        files.make_room(directory)
        files.require_space([(directory, sum(os.path.getsize(os.path.join(target, name)) for name in there))])
        for name in there:
            files.copy(os.path.realpath(os.path.join(target, name)), os.path.join(directory, name), 0o755)
        return Staged(directory, "tarball", release, release, None, tuple(there), self._program), ""

    # -- both

    def _directory(self, exact: str) -> str:
        return os.path.join(self._root, quote(exact, safe="+~"))

    def _kept(self) -> Optional[Staged]:
        """The rollback that an earlier run staged, where the new release is on the disk already."""
        if self._here.running is None or self._here.running == self._here.installed:
            return None
        for name in sorted(os.listdir(self._root)):
            found = staged.present(os.path.join(self._root, name))
            if found and found.release == upstream(self._here.running) and found.kind != "nothing" and _whole(found):
                return found
        return None

    def _tried(self, plan: Staged, fetched: bool, changes: List[Change], back: Optional[Staged], reason: str) -> Stage:
        """The new containerd says its version and reads the configuration; then the plans are written."""
        path = settings.place(self._arguments())
        configuration = Configuration(path, settings.read(path))
        try:
            program = self._trial(plan)
            self._require_release(program, plan)
            settings.check(program, self._release, path, self._deadline)
            after = settings.migrated(program, path, self._deadline)
        finally:
            for name in (_TRIAL, _RUNTIME_TRIAL):
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(os.path.join(plan.directory, name))
        if after is not None and after != configuration.before:
            configuration = configuration._replace(after=after)
        self._require_room(plan)
        if self._options["config"] == "migrate" and configuration.after:
            plan = self._with_config(plan, path, configuration.after)
            # The old release cannot read what the new one wrote.
            back = self._with_config(back, path, configuration.before or "") if back else None
        for one in (plan, back):
            if one:
                staged.save(one)
        self._tidy(plan, back)
        return Stage(plan, fetched, changes, configuration, back, reason)

    def _with_config(self, plan: Staged, path: str, text: str) -> Staged:
        files.write(os.path.join(plan.directory, _CONFIG), text.encode("utf-8"), 0o600)
        return plan._replace(config=_CONFIG, config_path=path)

    def _arguments(self) -> List[str]:
        if self._here.process:
            return processes.arguments(self._here.process.pid)[1:]
        return self._here.unit.arguments if self._here.unit else []

    def _trial(self, plan: Staged) -> str:
        """The new containerd as a program that can be run and is not installed; a runc that comes with it runs here."""
        if plan.kind == "nothing":
            return self._program
        if plan.kind == "tarball":
            return os.path.join(plan.directory, "containerd")
        database, inside = self._database(plan), self._program.lstrip("/")
        trial, runtime = (os.path.join(plan.directory, name) for name in (_TRIAL, _RUNTIME_TRIAL))
        wanted = {inside: trial, **dict.fromkeys(_RUNTIMES, runtime)}
        found = {path: database.extract(path, wanted) for path in plan.paths()}
        for path, programs in found.items():
            if any(one in _RUNTIMES for one in programs):
                self._require_runs(runtime, os.path.basename(path))
        if not any(inside in programs for programs in found.values()):
            problem = "has no {0} in it".format(inside)
            raise ShimError("package", plan.version, problem, "name the package that containerd comes from")
        return trial

    @staticmethod
    def _database(plan: Staged) -> Database:
        manager = managers.of_kind(plan.kind)
        if manager is None:
            raise ShimError("package", plan.version, "is staged in an unknown way", "stage the release again")
        return manager.database

    def _require_release(self, program: str, plan: Staged) -> None:
        said = command.run([program, "--version"], self._deadline.within(30))
        words = said.stdout.split()
        found = upstream(words[2]) if said.code == 0 and words[:1] == ["containerd"] and len(words) > 2 else ""
        if found != self._release:
            sentence = "holds containerd {0}, not {1}".format(found, self._release)
            if not found:
                sentence = "holds another program than containerd ({0})".format(" ".join(words)[:60])
                if said.code != 0:
                    sentence = "holds a containerd that does not run here ({0})".format(
                        " ".join(said.stderr.split())[-200:]
                    )
            raise ShimError("package", plan.version, sentence, "bring another package")

    def _require_runs(self, runtime: str, name: str) -> None:
        """What a shim cannot run any more, ends no container and starts none."""
        said = command.run([runtime, "--version"], self._deadline.within(30))
        if said.code != 0:
            problem = "holds a runc that does not run here ({0})".format(" ".join(said.stderr.split())[-200:])
            raise ShimError("package", name, problem, "bring another package")

    def _require_room(self, plan: Staged) -> None:
        """Package managers unpack next to what is there, and so do we."""
        target = os.path.dirname(self._program)
        if plan.kind == "tarball":
            files.require_space([(target, sum(os.path.getsize(path) for path in plan.paths()))])
        elif plan.kind != "nothing":
            sizes = [self._database(plan).described(path, self._deadline).size for path in plan.paths()]
            files.require_space([(target, sum(sizes))])

    def _tidy(self, plan: Staged, back: Optional[Staged]) -> None:
        """Remove what earlier runs staged and is not needed."""
        wanted = [one.directory for one in (plan, back) if one]
        for name in os.listdir(self._root):
            path = os.path.join(self._root, name)
            if path not in wanted and (name == _ROOM or os.path.lexists(os.path.join(path, staged.PLAN))):
                files.remove(path)


def _whole(plan: Staged) -> bool:
    return all(os.path.isfile(path) for path in plan.paths())
