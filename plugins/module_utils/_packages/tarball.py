# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Tarball: containerd's own release archive, checked and unpacked next to what runs. Internal to the collection."""

from __future__ import annotations

import hashlib
import os
import re
import tarfile
import zlib
from typing import List

from ansible_collections.shimops.containerd.plugins.module_utils._errors import ShimError
from ansible_collections.shimops.containerd.plugins.module_utils._packages import files

# bin/containerd, bin/ctr, bin/containerd-shim-runc-v2 and so on: all that upstream's archive has.
_MEMBER = re.compile(r"(?:\./)?bin/([a-z0-9][a-z0-9.-]{0,63})")
_SUM = re.compile(r"(?:sha256:)?([0-9a-f]{64})")


def check(path: str, checksum: str) -> None:
    """Refuse an archive that is not the one the checksum was made of."""
    match = _SUM.fullmatch(checksum)
    if match is None:
        raise ShimError("package", "checksum", "is not a SHA-256", "give sha256: and 64 hexadecimal digits")
    digest = hashlib.sha256()
    with files.opened(path) as stream:
        for block in iter(lambda: stream.read(1024 * 1024), b""):
            digest.update(block)
    if digest.hexdigest() != match.group(1):
        raise ShimError(
            "package",
            path,
            "has the SHA-256 {0}, which is not its checksum".format(digest.hexdigest()),
            "fetch it again",
        )


def unpack(path: str, target: str) -> List[str]:
    """Unpack the programs of an archive into a directory; their names. Anything else in it is refused."""
    names = []
    try:
        with tarfile.open(path, mode="r:*") as archive:
            members = [(member, _name(path, member)) for member in archive]
            programs = [(member, name) for member, name in members if name]
            files.require_space([(target, sum(member.size for member, _name_ in programs))])
            for member, name in programs:
                files.write_stream(os.path.join(target, name), archive.extractfile(member), 0o755)
                names.append(name)
    except (OSError, EOFError, tarfile.TarError, zlib.error) as error:
        raise ShimError("package", path, "is no archive that tar can read", "fetch it again") from error
    if "containerd" not in names:
        raise ShimError("package", path, "has no bin/containerd in it", "take containerd's own release archive")
    return sorted(set(names))


def _name(path: str, member: tarfile.TarInfo) -> str:
    """The name of a program, or nothing for the directory it is in."""
    if member.isdir():
        return ""
    match = _MEMBER.fullmatch(member.name)
    if match is None or not member.isreg() or member.size > files.LARGEST:
        raise ShimError(
            "package",
            path,
            "holds {0!r}, which is no program below bin".format(member.name),
            "take containerd's own release archive",
        )
    return match.group(1)
