# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The page filters, prints, fits a phone, runs nothing hostile, and everybody can use it."""

import base64
import io
import os
from pathlib import Path

import pytest
from axe_core_python.selenium import Axe
from pypdf import PdfReader
from selenium.webdriver.common.keys import Keys

KINDS = ("audit", "roll")
SHOWN = "return [...document.querySelectorAll('#hosts .host')].filter((one) => !one.hidden).map((one) => one.id)"
STEP = "const done = arguments[arguments.length - 1]; requestAnimationFrame(() => requestAnimationFrame(done))"

# Elements that reach beyond the screen, leaving out what is hidden on purpose and what is drawn inside of a picture.
CUT = """
const wide = document.documentElement.clientWidth;
const bad = [...document.querySelectorAll('body *')].filter((one) => {
  if (one.closest('.unseen, .skip, svg, thead, [hidden]')) return false;
  const box = one.getBoundingClientRect();
  return box.width > 0 && (box.right > wide + 1 || box.left < -1 || one.scrollWidth > one.clientWidth + 1
    && getComputedStyle(one).overflowX !== 'visible' && one.clientWidth > 0 && !one.matches('select, input'));
});
return bad.map((one) => one.outerHTML.slice(0, 120));
"""


def settle(browser, condition):
    """Wait until the page says that the condition holds."""
    browser.driver.set_script_timeout(60)
    waiting = (
        "const done = arguments[arguments.length - 1]; const look = () => (%s) ? done(true) : setTimeout(look, 20)"
    )
    assert browser.driver.execute_async_script(waiting % condition + "; look();")


def open_everything(browser):
    browser.run("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
    # What is not near the screen is laid out only when it is asked for.
    browser.run("document.querySelectorAll('.host').forEach((one) => { one.style.contentVisibility = 'visible'; })")
    browser.driver.execute_async_script(STEP)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dark", (False, True), ids=("light", "dark"))
@pytest.mark.parametrize("size", ("desktop", "phone"))
def test_nothing_is_cut_nothing_complains_and_everybody_can_use_it(browser, pages, kind, dark, size):
    browser.complaints()
    browser.open(pages[kind], size, dark)
    browser.picture("-".join((kind, size, "dark" if dark else "light")))
    open_everything(browser)
    assert browser.complaints() == []
    assert browser.run(CUT) == []
    assert browser.run("return document.documentElement.scrollWidth <= innerWidth")
    assert browser.run("return getComputedStyle(document.body).backgroundColor !== 'rgb(255, 255, 255)'") is dark
    found = Axe().run(browser.driver, options={"resultTypes": ["violations"]})["violations"]
    assert [(one["id"], one["help"], [node["html"][:150] for node in one["nodes"]][:3]) for one in found] == []


@pytest.mark.parametrize("kind", KINDS)
def test_no_name_becomes_an_element(browser, pages, kind):
    browser.open(pages[kind])
    assert browser.run("return document.querySelectorAll('img, iframe, object, embed, link, base').length") == 0
    assert browser.run("return document.scripts.length") == 1
    assert browser.run("return [...document.links].every((one) => one.getAttribute('href').startsWith('#'))")
    assert browser.run("return [...document.querySelectorAll('*')].every((one) => !one.hasAttribute('style'))")
    assert "<img src=x onerror=alert(1)>" in browser.run("return document.body.textContent")


def test_a_script_from_elsewhere_would_not_run(browser, pages):
    browser.open(pages["audit"])
    browser.complaints()
    injected = (
        "const one = document.createElement('script'); one.textContent = 'window.owned = 1'; document.body.append(one)"
    )
    browser.run(injected)
    assert browser.run("return window.owned") is None
    assert any("Content Security Policy" in line for line in browser.complaints())


def test_filter_by_words_state_rule_and_drift(browser, pages):
    browser.open(pages["audit"])
    everything = browser.run(SHOWN)
    assert (
        browser.run("return document.getElementById('shown').textContent")
        == f"{len(everything)} of {len(everything)} hosts shown"
    )
    words = browser.driver.find_element("name", "words")
    words.send_keys("NODE-00004")
    settle(browser, "document.getElementById('shown').textContent.startsWith('1 of')")
    assert browser.run("return document.querySelectorAll('.map a.out').length") == len(everything) - 1
    browser.driver.find_element("css selector", "#filter button").click()
    settle(browser, f"document.getElementById('shown').textContent.startsWith('{len(everything)} of')")
    for name, value in (("state", "blocker"), ("rule", "shim-hung"), ("drift", "new")):
        choice = f"#filter select[name={name}] option[value={value}]"
        browser.driver.find_element("css selector", choice).click()
        settle(browser, f"!document.getElementById('shown').textContent.startsWith('{len(everything)} of')")
        shown = browser.run(SHOWN)
        wanted = browser.run(
            "return [...document.querySelectorAll('.host')].filter((one) => one.dataset[arguments[0]].split(' ')"
            ".includes(arguments[1])).map((one) => one.id)",
            {"state": "state", "rule": "rules", "drift": "drift"}[name],
            value,
        )
        assert shown and shown == wanted
        browser.driver.find_element("css selector", "#filter button").click()
        settle(browser, f"document.getElementById('shown').textContent.startsWith('{len(everything)} of')")


def test_a_link_leads_to_a_host_that_the_filter_hides(browser, pages):
    browser.open(pages["audit"])
    browser.driver.find_element("name", "words").send_keys("node-00004")
    settle(browser, "document.getElementById('shown').textContent.startsWith('1 of')")
    browser.run("document.querySelector('.map a.out').click()")
    settle(browser, "!document.querySelector('#hosts .host:target').hidden")


def test_keyboard_alone(browser, pages):
    browser.open(pages["audit"])
    page = browser.driver.find_element("tag name", "body")
    page.send_keys(Keys.TAB)
    assert browser.run("return document.activeElement.className") == "skip"
    assert browser.run("return document.activeElement.getBoundingClientRect().left >= 0"), (
        "it is seen when it is reached"
    )
    browser.driver.switch_to.active_element.send_keys(Keys.ENTER)
    settle(browser, "location.hash === '#hosts'")
    page.send_keys("/")
    assert browser.run("return document.activeElement.name") == "words"
    browser.run("document.querySelector('#rules details summary').focus()")
    browser.driver.switch_to.active_element.send_keys(Keys.ENTER)
    settle(browser, "document.querySelector('#rules details').open")
    outline = "return getComputedStyle(document.activeElement).outlineStyle"
    assert browser.run(outline) == "solid", "who has the focus is seen"


@pytest.mark.parametrize("kind", KINDS)
def test_everything_is_there_without_scripts(plain_browser, pages, kind):
    plain_browser.open(pages[kind])
    text = plain_browser.driver.find_element("tag name", "body").text
    assert "Show all" not in text, "what needs the script is not shown"
    for word in ("By host", "By rule", "node-0"):
        assert word in text
    summary = plain_browser.driver.find_element("css selector", "#rules details summary")
    summary.send_keys(Keys.ENTER)
    assert plain_browser.driver.find_element("css selector", "#rules details table").is_displayed()
    assert plain_browser.complaints() == []


@pytest.mark.parametrize("kind", KINDS)
def test_print(browser, pages, kind):
    browser.open(pages[kind], dark=True)
    printed = base64.b64decode(
        browser.command("Page.printToPDF", printBackground=True, paperWidth=8.27, paperHeight=11.69)["data"]
    )
    if folder := os.environ.get("SHIMOPS_SCREENSHOTS"):
        (Path(folder) / f"{kind}.pdf").write_bytes(printed)
    paper = PdfReader(io.BytesIO(printed))
    text = "\n".join(page.extract_text() for page in paper.pages)
    assert len(paper.pages) > 1
    assert "Show all" not in text
    hosts = browser.run(
        "return [...document.querySelectorAll('.host h3')].map((one) => one.firstChild.textContent.trim())"
    )
    assert all(name in text for name in hosts if name.startswith("node-"))
    folded = browser.run(
        "return [...document.querySelectorAll('#rules details tbody th a')].map((one) => one.textContent)"
    )
    count = sum(text.count(name) for name in set(folded) if name.startswith("node-"))
    assert count >= len([name for name in folded if name.startswith("node-")]), (
        "what is folded on the screen is on paper"
    )
