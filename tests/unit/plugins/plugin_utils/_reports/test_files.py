# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The files: what a run's folder may hold, and how reports get into place."""

from __future__ import annotations

import json
import os

import pytest

from ansible_collections.shimops.containerd.plugins.module_utils._errors import ShimError
from ansible_collections.shimops.containerd.plugins.plugin_utils._reports import files
from ansible_collections.shimops.containerd.tests.unit.support import run_folder


def documents(path, kind="roll"):
    return dict(files.RunFolder(path).documents(kind))


def test_hosts_come_in_play_order_and_then_those_nobody_named(tmp_path):
    hosts = ("b", "a")
    path = run_folder.write(
        tmp_path / "r", "restart", {name: run_folder.rolled(name) for name in ("c", "a", "b")}, hosts=hosts
    )
    assert list(documents(path)) == ["b", "a", "c"]


@pytest.mark.parametrize("name", ("web.example", "a/b", "../../etc/passwd", "\u00e9\u4e16", "a%2Fb", "..", "x y~"))
def test_any_name_finds_its_document(tmp_path, name):
    path = run_folder.write(tmp_path / "r", "restart", {})
    document = run_folder.rolled(name)
    file = tmp_path / "r" / "documents" / (files.quoted(name) + ".json")
    assert file.parent.name == "documents" and file.resolve().parent == file.parent.resolve()
    file.write_text(json.dumps(document))
    assert documents(path)[name] == document
    assert files.RunFolder(path).document(name, "roll") == document


def damage(path, kind):
    """Put something in the place of a document."""
    if kind == "fifo":
        os.mkfifo(path)
    elif kind == "link":
        path.symlink_to("/etc/passwd")
    elif kind == "directory":
        path.mkdir()
    elif kind == "huge":
        with open(path, "wb") as handle:
            handle.truncate(files.LARGEST + 1)
    else:
        path.write_bytes(kind)


DAMAGES = {
    "fifo": ("fifo", "is not a regular file"),
    "link": ("link", "cannot be opened"),
    "directory": ("directory", "is not a regular file"),
    "huge": ("huge", "is larger than 64 MiB"),
    "empty": (b"", "is not JSON"),
    "cut": (b'{"schema": 1', "is not JSON"),
    "binary": (b"\xff\xfe\x00", "is not JSON"),
    "deep": (b"[" * 200000, "is not JSON"),
    "list": (b"[]", "is not JSON object"),
    "other schema": (b'{"schema": 2, "kind": "roll", "host": "a"}', "is no roll document of schema 1"),
    "other kind": (b'{"schema": 1, "kind": "host", "host": "a"}', "is no roll document of schema 1"),
    "other host": (b'{"schema": 1, "kind": "roll", "host": "b"}', "is the document of another host"),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_a_bad_document_is_a_state_and_no_error(tmp_path, name):
    kind, reason = DAMAGES[name]
    path = run_folder.write(tmp_path / "r", "restart", {"a": None, "b": run_folder.rolled("b")})
    damage(tmp_path / "r" / "documents" / "a.json", kind)
    found = documents(path)
    assert isinstance(found["a"], files.Unreadable) and reason in found["a"].reason
    assert found["b"]["state"] == "verified"


@pytest.mark.parametrize("content", (None, b"{", b'{"schema": 2}', b"[]"), ids=("none", "cut", "other schema", "list"))
def test_what_is_no_run_is_refused(tmp_path, content):
    if content is not None:
        (tmp_path / "run.json").write_bytes(content)
    with pytest.raises(ShimError, match="report: .*(is not a run's folder|has schema 2, not 1)"):
        files.RunFolder(str(tmp_path))


def test_newest_run_and_the_one_before(tmp_path):
    for name, operation, began in (("a", "audit", 1), ("b", "restart", 2), ("c", "audit", 3)):
        run_folder.write(tmp_path / name, operation, {}, began=began)
    (tmp_path / "notes").mkdir()
    newest = files.named(str(tmp_path), None)
    assert newest.run_id == "c"
    assert files.before(str(tmp_path), newest).run_id == "a", "of the same operation"
    assert files.before(str(tmp_path), files.named(str(tmp_path), "a")) is None
    assert files.named("/nowhere", str(tmp_path / "b")).run_id == "b"
    with pytest.raises(ShimError, match="has no run in it"):
        files.named(str(tmp_path / "notes"), None)


def test_reports_are_there_whole_or_not_at_all(tmp_path):
    dest = tmp_path / "www"
    with pytest.raises(ZeroDivisionError), files.Output(str(dest)) as output:
        output.file("report.json").write("{")
        raise ZeroDivisionError
    assert not dest.exists()
    with files.Output(str(dest)) as output:
        scratch = output.scratch
        output.file("report.json").write("{}")
        assert output.changed() == ["report.json"]
        assert output.commit() == [str(dest / "report.json")]
    assert not os.path.exists(scratch)
    assert (dest / "report.json").stat().st_mode & 0o777 == 0o644
    with files.Output(str(dest)) as output:
        output.file("report.json").write("{}")
        assert output.changed() == []


def test_a_link_in_the_way_is_replaced_not_followed(tmp_path):
    victim = tmp_path / "victim"
    victim.write_text("precious")
    (tmp_path / "report.json").symlink_to(victim)
    with files.Output(str(tmp_path)) as output:
        output.file("report.json").write("{}")
        output.commit()
    assert victim.read_text() == "precious" and not (tmp_path / "report.json").is_symlink()


def test_a_place_that_is_no_directory(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ShimError, match="cannot be written"), files.Output(str(tmp_path / "file" / "below")) as output:
        output.file("report.json")
        output.commit()
