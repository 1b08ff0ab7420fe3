# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Follow every internal link of a built site: `python -m docs.links DIRECTORY` prints the dead ones and fails."""

import sys
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit


@dataclass
class Page(HTMLParser):
    """One page: the ids that a link may lead to, and the links of the page in their order."""

    ids: set[str] = field(default_factory=set)
    links: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keep an element's id, and where it leads."""
        for name, value in attrs:
            if name == "id" or (name == "name" and tag == "a"):
                self.ids.add(value or "")
            elif name in ("href", "src"):
                self.links.append(value or "")


def read(root: Path) -> dict[Path, Page]:
    """Return all pages below the root, by their real paths."""
    pages = {}
    for path in sorted(root.resolve().rglob("*.html")):
        pages[path] = Page()
        pages[path].feed(path.read_text(encoding="utf-8"))
    return pages


def dead(root: Path, pages: dict[Path, Page]) -> list[str]:
    """Return one line per dead internal link: page, link and reason; links to other hosts are not followed."""
    found = []
    for path, page in pages.items():
        for link in page.links:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            target = target / "index.html" if target.is_dir() else target
            anchor = unquote(parts.fragment)
            where = f"{path.relative_to(root.resolve())}: {link}"
            if not target.is_relative_to(root.resolve()):
                found.append(f"{where}: leads out of the site")
            elif not target.is_file():
                found.append(f"{where}: no such file")
            elif anchor and target in pages and anchor not in pages[target].ids:
                found.append(f"{where}: no such heading")
    return found


def main(root: Path) -> int:
    """Print the dead links, then the counts."""
    pages = read(root)
    found = dead(root, pages)
    print(*found, sep="\n")
    print(f"{len(pages)} pages, {sum(len(page.links) for page in pages.values())} links, {len(found)} dead")
    return int(bool(found) or not pages)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
