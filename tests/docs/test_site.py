# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The site in Chromium: the search finds pages, pages show their pictures, and nothing comes from elsewhere."""

import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait

FOUND = "return [...document.querySelectorAll('#search-results ul.search li > a')].map((one) => one.href)"
# Sphinx shows the summary when it has gone through the whole index.
SUMMARY = "return (document.querySelector('#search-results .search-summary') || {}).textContent || ''"
PAGES = ("index", "README", "docs/restart", "docs/reports", "reference/index", "reference/shim_reconnect_module")


def results(browser, site, words):
    """Type words into the search box of the first page; return the pages that are found."""
    browser.open(f"{site}/index.html")
    box = browser.driver.find_element(By.CSS_SELECTOR, "input[name=q]")
    box.send_keys(words, Keys.ENTER)
    WebDriverWait(browser.driver, 20).until(lambda _driver: "search" in browser.run("return location.pathname"))
    WebDriverWait(browser.driver, 20).until(lambda _driver: browser.run(SUMMARY).strip())
    return browser.run(FOUND)


@pytest.mark.parametrize(
    ("words", "page"),
    (
        ("forecast", "docs/forecast.html"),
        ("shim_reconnect", "reference/shim_reconnect_module.html"),
        ("rolling_upgrade_version", "reference/rolling_upgrade_role.html"),
    ),
)
def test_the_search_finds_the_page(browser, site, words, page):
    found = [address.partition("?")[0].partition("#")[0] for address in results(browser, site, words)]
    assert f"{site}/{page}" in found
    browser.picture(f"search-{words}", 1000)


def test_the_result_leads_to_the_page(browser, site):
    results(browser, site, "forecast")
    browser.driver.find_element(By.CSS_SELECTOR, "#search-results a[href*='docs/forecast.html']").click()
    heading = WebDriverWait(browser.driver, 20).until(lambda driver: driver.find_element(By.TAG_NAME, "h1"))
    assert "forecast" in heading.text


def test_the_search_does_not_find_everything(browser, site):
    assert results(browser, site, "zeppelin") == []


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("size", ("desktop", "phone"))
def test_a_page_is_whole(browser, site, page, size):
    browser.complaints()
    browser.open(f"{site}/{page}.html", size)
    browser.picture("-".join((page.replace("/", "-"), size)), 1400)
    assert browser.complaints() == []
    assert browser.run("return [...document.images].filter((one) => !one.naturalWidth).map((one) => one.src)") == []
    loaded = browser.run("return performance.getEntriesByType('resource').map((one) => one.name)")
    assert [address for address in loaded if not address.startswith(f"{site}/")] == []
