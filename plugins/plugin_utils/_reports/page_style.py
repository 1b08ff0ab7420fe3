# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How the page looks: light and dark, on paper, on a phone. Internal to the collection."""

from __future__ import annotations

STYLE = r"""
:root {
  color-scheme: light dark;
  --paper: #ffffff; --sheet: #f5f6f8; --line: #d3d8df; --ink: #1b2330; --soft: #4d5867; --link: #0b4fb3;
  --good: #1a6b3c; --good-bg: #dff3e6; --note: #23568f; --note-bg: #e0ecfa; --warn: #7a4b00; --warn-bg: #fdeecb;
  --bad: #a01522; --bad-bg: #fde2e4; --none: #4d5867; --none-bg: #e7eaee;
}
@media screen and (prefers-color-scheme: dark) {
  :root {
    --paper: #12161c; --sheet: #1b2129; --line: #3a4452; --ink: #e8ecf2; --soft: #b0bac8; --link: #8fbcff;
    --good: #7fdca4; --good-bg: #15341f; --note: #9cc6f7; --note-bg: #172c46; --warn: #f3c56b; --warn-bg: #3b2b0b;
    --bad: #ff9ea6; --bad-bg: #471a20; --none: #b0bac8; --none-bg: #29313c;
  }
}
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; }
body {
  margin: 0 auto; padding: 0 1.25rem 4rem; max-width: 76rem; background: var(--paper); color: var(--ink);
  font: 1rem/1.5 system-ui, "Segoe UI", Roboto, "Liberation Sans", sans-serif; overflow-wrap: anywhere;
}
h1 { font-size: 1.7rem; margin: 1.5rem 0 .25rem; line-height: 1.2; }
h2 { font-size: 1.3rem; margin: 2.5rem 0 .75rem; padding-bottom: .3rem; border-bottom: 2px solid var(--line); }
h3 { font-size: 1.05rem; margin: 1.5rem 0 .5rem; }
p { margin: .4rem 0; }
a { color: var(--link); }
:focus-visible { outline: 3px solid var(--link); outline-offset: 2px; border-radius: 2px; }
code, .mono { font-family: ui-monospace, "Liberation Mono", Menlo, monospace; font-size: .92em; }
.soft { color: var(--soft); }
.skip { position: absolute; left: -99rem; }
.skip:focus { left: .5rem; top: .5rem; padding: .5rem; background: var(--paper); z-index: 2; }
.unseen { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
nav ul { display: flex; flex-wrap: wrap; gap: .25rem 1.25rem; padding: 0; margin: .75rem 0 0; list-style: none; }
nav a { display: inline-block; padding: .2rem 0; }
.tag {
  display: inline-block; padding: .05rem .5rem; border-radius: .75rem; font-size: .85rem; font-weight: 600;
  white-space: nowrap;
}
.good { color: var(--good); background: var(--good-bg); }
.note { color: var(--note); background: var(--note-bg); }
.warn { color: var(--warn); background: var(--warn-bg); }
.bad { color: var(--bad); background: var(--bad-bg); }
.none { color: var(--none); background: var(--none-bg); }
.tiles {
  display: grid; grid-template-columns: repeat(auto-fill, minmax(9rem, 1fr)); gap: .6rem; padding: 0; margin: 0;
  list-style: none;
}
.tiles li { padding: .6rem .8rem; border-radius: .5rem; border: 1px solid currentColor; }
.tiles strong { display: block; font-size: 1.5rem; line-height: 1.1; }
.map { display: flex; flex-wrap: wrap; gap: 3px; padding: 0; margin: .5rem 0; list-style: none; }
.map li { display: flex; }
.map a {
  display: grid; place-items: center; width: 1.5rem; height: 1.5rem; border-radius: .2rem; border: 1px solid
  currentColor; font-size: .85rem; font-weight: 700; line-height: 1; text-decoration: none;
}
.map .out { opacity: .2; }
.legend {
  display: flex; flex-wrap: wrap; gap: .3rem 1rem; padding: 0; margin: .5rem 0; list-style: none; font-size:
  .9rem;
}
.legend b {
  display: inline-grid; place-items: center; width: 1.25rem; height: 1.25rem; border-radius: .2rem; border: 1px
  solid currentColor;
}
table { border-collapse: collapse; width: 100%; margin: .5rem 0; font-size: .93rem; }
caption { text-align: left; font-weight: 600; padding: .3rem 0; }
th, td { text-align: left; vertical-align: top; padding: .35rem .6rem; border-bottom: 1px solid var(--line); }
thead th { background: var(--sheet); }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; }
td.bar { width: 40%; min-width: 8rem; }
svg { display: block; width: 100%; }
.meter { height: .8rem; }
.meter rect { fill: var(--note); }
.timeline { margin: .5rem 0; border: 1px solid var(--line); border-radius: .3rem; background: var(--sheet); }
.timeline line { stroke: var(--soft); stroke-width: 3px; vector-effect: non-scaling-stroke; }
.timeline .good {
  stroke: var(--good); } .timeline .bad { stroke: var(--bad); } .timeline .warn { stroke: var(--warn);
}
.timeline .note { stroke: var(--note); } .timeline .edge { stroke: var(--line); stroke-width: 1px; }
.axis { display: flex; justify-content: space-between; gap: 1rem; font-size: .85rem; color: var(--soft); }
.card { margin: .75rem 0; padding: .6rem .9rem; border: 1px solid var(--line); border-radius: .5rem; }
.host { content-visibility: auto; contain-intrinsic-size: auto 9rem; }
.card:target { border-color: var(--link); box-shadow: 0 0 0 2px var(--link); }
.card h3 { margin: 0 0 .3rem; display: flex; flex-wrap: wrap; gap: .2rem .6rem; align-items: center; }
.facts { display: flex; flex-wrap: wrap; gap: .1rem 1.2rem; margin: .3rem 0; padding: 0; }
.facts div { display: flex; gap: .4rem; min-width: 0; }
.facts dt { color: var(--soft); }
.facts dd { margin: 0; }
details { margin: .4rem 0; }
summary { cursor: pointer; padding: .15rem 0; }
.filter {
  position: sticky; top: 0; z-index: 1; background: var(--paper); padding: .6rem 0; border-bottom: 1px solid
  var(--line); display: grid; grid-template-columns: repeat(auto-fit, minmax(9rem, 1fr)); gap: .6rem; align-items: end;
}
.filter[hidden] { display: none; }
.filter label { display: block; font-size: .85rem; color: var(--soft); min-width: 0; }
.filter input, .filter select, button {
  font: inherit; width: 100%; padding: .35rem .5rem; color: var(--ink); background: var(--sheet); border: 1px
  solid var(--soft); border-radius: .3rem;
}
.filter output { grid-column: 1 / -1; font-size: .9rem; }
@media screen and (max-width: 46rem) {
  body { padding: 0 .75rem 3rem; }
  .filter { position: static; grid-template-columns: 1fr; }
  .stack thead { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
  .stack, .stack caption:not(.unseen), .stack tbody, .stack tr, .stack td, .stack th { display: block; width: auto; }
  .stack tr { padding: .4rem 0; border-bottom: 2px solid var(--line); }
  .stack td, .stack tbody th, .stack td.number { border: 0; padding: .1rem 0; text-align: left; }
  .stack td[data-label]::before { content: attr(data-label) ": "; color: var(--soft); }
  .stack td:empty { display: none; }
  .stack td.bar { min-width: 0; }
}
@media print {
  @page { margin: 14mm; }
  :root { color-scheme: light; }
  body { max-width: none; padding: 0; font-size: 9.5pt; }
  .filter, nav, .skip, button { display: none !important; }
  .host { content-visibility: visible; }
  .card, tr { break-inside: avoid; }
  .card:has(tbody tr:nth-child(12)) { break-inside: auto; }
  h2, h3, caption { break-after: avoid; }
  thead { display: table-header-group; }
  details::details-content {
    content-visibility: visible !important; display: block !important; height: auto !important;
  }
  .tag, .map a, .tiles li, .legend b { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
  a { color: inherit; text-decoration: none; }
}
"""
