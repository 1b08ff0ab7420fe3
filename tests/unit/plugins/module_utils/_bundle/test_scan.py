# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What stands in a state directory: rows H1 to H8, and containerd's own order."""

from __future__ import annotations

import os

import pytest

from ansible_collections.shimops.containerd.plugins.module_utils._bundle.scan import namespaces, scan
from ansible_collections.shimops.containerd.plugins.module_utils._errors import ShimError
from ansible_collections.shimops.containerd.plugins.module_utils._host.layouts import TASK_DIRECTORY


@pytest.fixture
def root(tmp_path):
    """The directory of the task plugin in an empty state directory."""
    path = tmp_path / TASK_DIRECTORY
    path.mkdir()
    return path


def make(root, *names):
    for name in names:
        (root / name).mkdir(parents=True)


def kinds(root, **options):
    return {(one.namespace, one.id): one.kind for one in scan(str(root.parent), **options)}


def test_entries_come_in_the_order_containerd_loads_them(root):
    make(root, "k8s.io/b", "k8s.io/a", "default/z", "Default/y", "default/Z")
    found = [(one.namespace, one.id) for one in scan(str(root.parent))]
    assert found == [("Default", "y"), ("default", "Z"), ("default", "z"), ("k8s.io", "a"), ("k8s.io", "b")]


def test_an_entry_says_where_it_is_and_when_it_changed(root):
    make(root, "default/plain1")
    (found,) = scan(str(root.parent))
    assert found.path == str(root / "default" / "plain1")
    assert found.changed == os.lstat(found.path).st_ctime


def test_what_containerd_passes_over_is_named(root):
    make(root, "default/plain1", "default/.plain2", "default/bad id!", "default/-dash")
    (root / "default" / "link").symlink_to("plain1")
    (root / "default" / ".hidden-link").symlink_to("plain1")
    (root / "default" / "file").write_text("")
    os.mkfifo(str(root / "default" / "fifo"))
    assert kinds(root) == {
        ("default", "plain1"): "bundle",
        ("default", ".plain2"): "hidden",
        # Row H7: an id is not validated.
        ("default", "bad id!"): "bundle",
        ("default", "-dash"): "bundle",
        ("default", "link"): "link",
        ("default", ".hidden-link"): "link",
        ("default", "file"): "other",
        ("default", "fifo"): "other",
    }


@pytest.mark.parametrize(
    "name, valid",
    [
        ("default", True),
        ("k8s.io", True),
        ("plugins.moby", True),
        ("a", True),
        ("A-b_c.9", True),
        (76 * "n", True),
        (77 * "n", False),
        (".hidden", False),
        ("-a", False),
        ("a-", False),
        ("a..b", False),
        ("a b", False),
        ("\u00e9", False),
        ("default\n", False),
    ],
)
def test_a_namespace_with_an_invalid_name_is_left_alone(root, name, valid):
    make(root, name + "/plain1")
    assert set(kinds(root).values()) == {"bundle" if valid else "namespace_invalid"}


def test_a_namespace_that_is_a_link_or_a_file_is_passed_over(root):
    make(root, "default/plain1")
    (root / "link").symlink_to("default")
    (root / "file").write_text("")
    assert set(kinds(root)) == {("default", "plain1")}


def test_choosing_namespaces_and_ids(root):
    make(root, "default/a", "default/b", "k8s.io/a", "k8s.io/c")
    assert set(kinds(root, namespaces=["k8s.io"])) == {("k8s.io", "a"), ("k8s.io", "c")}
    assert set(kinds(root, ids=["a"])) == {("default", "a"), ("k8s.io", "a")}
    assert set(kinds(root, namespaces=["default"], ids=["c"])) == set()
    assert set(kinds(root, namespaces=[], ids=[])) == set(kinds(root))


def test_a_namespace_without_bundles_is_an_error_that_lists_those_there_are(root):
    make(root, "default/a", "moby/b")
    with pytest.raises(ShimError) as caught:
        scan(str(root.parent), namespaces=["k8s.io"])
    assert str(caught.value) == "scan: namespace k8s.io has no bundles in {0}; there are: default, moby.".format(root)


def test_no_state_directory_is_an_error_that_names_the_options(tmp_path):
    with pytest.raises(ShimError) as caught:
        scan(str(tmp_path / "gone"))
    assert "cannot be read (No such file or directory)" in str(caught.value) and "state_dir" in str(caught.value)


def test_an_empty_state_directory_is_no_error(root):
    assert scan(str(root.parent)) == []


def test_namespaces_that_have_a_directory(tmp_path):
    root = tmp_path / "io.containerd.runtime.v2.task"
    assert namespaces(str(tmp_path)) == []
    for name in ("moby", "default", "-bad", "x" * 77):
        (root / name).mkdir(parents=True)
    assert namespaces(str(tmp_path)) == ["default", "moby"]
