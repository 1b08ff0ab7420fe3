# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sphinx's configuration of the site, after the one that `antsibull-docs sphinx-init` writes."""

import tempfile
import zlib
from pathlib import Path

REPOSITORY = "https://github.com/shimops/shimops.containerd"
# What the reference names in Ansible's own documentation: the build needs no network, so its inventory is made here.
ANSIBLE = {
    "std:label action_plugins": ("plugins/action.html#action-plugins", "Action plugins"),
    "std:label callback_plugins": ("plugins/callback.html#callback-plugins", "Callback plugins"),
    "std:label common_return_values": (
        "reference_appendices/common_return_values.html#common-return-values",
        "Return Values",
    ),
    "std:label ansible_configuration_settings": (
        "reference_appendices/config.html#ansible-configuration-settings",
        "Ansible Configuration Settings",
    ),
    "std:envvar ANSIBLE_CALLBACKS_ENABLED": (
        "reference_appendices/config.html#envvar-ANSIBLE_CALLBACKS_ENABLED",
        "ANSIBLE_CALLBACKS_ENABLED",
    ),
}


def inventory() -> str:
    """Write the table in the form of an objects.inv, version 2; return the path."""
    rows = []
    for key, (place, words) in ANSIBLE.items():
        role, _space, name = key.partition(" ")
        rows.append(f"{name} {role} -1 {place} {words}\n")
    head = "# Sphinx inventory version 2\n# Project: Ansible\n# Version: \n"
    head += "# The remainder of this file is compressed using zlib.\n"
    path = Path(tempfile.mkdtemp()) / "objects.inv"
    path.write_bytes(head.encode() + zlib.compress("".join(rows).encode()))
    return str(path)


project = "shimops.containerd"
copyright = "the shimops.containerd authors"
html_title = html_short_title = project

extensions = ["myst_parser", "sphinx.ext.intersphinx", "sphinx_antsibull_ext"]
intersphinx_mapping = {"ansible": ("https://docs.ansible.com/projects/ansible/devel/", inventory())}
source_suffix = {".md": "markdown", ".rst": "restructuredtext"}
# The source directory is a copy of the checkout; these are the pages in it.
include_patterns = ["index.md", "roles.md", "[A-Z]*.md", "docs/*.md", "roles/*/README.md", "reference/**"]

# The anchors that GitHub gives to headings.
myst_heading_anchors = 4
# An unusual shell quote is shown without colours; that is no defect of the page.
suppress_warnings = ["misc.highlighting_failure"]

pygments_style = "ansible"
highlight_language = "text"
html_theme = "sphinx_ansible_theme"
html_theme_options = {"topbar_links": {"Repository": REPOSITORY}}
html_show_sphinx = False
html_use_index = False
html_copy_source = False
smartquotes = False

nitpicky = True
default_role = "any"


def setup(app: object) -> None:
    """Let the theme's logo lead to the first page, from whichever page it is on."""

    def home(_app: object, _page: str, _template: str, context: dict, _tree: object) -> None:
        context["theme_documentation_home_url"] = context["pathto"](context["root_doc"])

    app.connect("html-page-context", home)
