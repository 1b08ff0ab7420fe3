# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A real headless Chromium, driven by Selenium."""

import base64
import os
from pathlib import Path

from selenium import webdriver
from selenium.webdriver.chrome.service import Service

SIZES = {"desktop": (1280, 900), "phone": (360, 740)}


class Browser:
    """A Chromium and what is asked of it here."""

    def __init__(self, script=True):
        options = webdriver.ChromeOptions()
        # Root needs the first; a container's /dev/shm is too small for the second.
        for word in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", "--no-first-run"):
            options.add_argument(word)
        options.binary_location = os.environ["SHIMOPS_CHROMIUM"]
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        if not script:
            options.add_experimental_option("prefs", {"profile.managed_default_content_settings.javascript": 2})
        self.driver = webdriver.Chrome(options=options, service=Service(os.environ["SHIMOPS_CHROMEDRIVER"]))

    def open(self, page, size="desktop", dark=False):
        """Load a page as somebody with that screen and that taste sees it."""
        width, height = SIZES[size]
        self.command("Emulation.setEmulatedMedia", features=[_feature("prefers-color-scheme", dark and "dark")])
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": size == "phone"}
        self.command("Emulation.setDeviceMetricsOverride", **metrics)
        self.driver.get("about:blank")
        self.driver.get(page)

    def command(self, name, **words):
        """Say something to the browser itself."""
        return self.driver.execute_cdp_cmd(name, words)

    def run(self, script, *words):
        """Run a function's body in the page."""
        return self.driver.execute_script(script, *words)

    def complaints(self):
        """What the browser wrote to its console since the last time."""
        return [entry["message"] for entry in self.driver.get_log("browser")]

    def screenshot(self, height):
        """Return the upper part of the page as PNG, as wide as the screen and `height` pixels high."""
        clip = {"x": 0, "y": 0, "scale": 1, **self.run("return {width: innerWidth}"), "height": height}
        shot = self.command("Page.captureScreenshot", captureBeyondViewport=True, clip=clip)
        return base64.b64decode(shot["data"])

    def picture(self, name, height=2600):
        """Leave a picture for people, where one is wanted."""
        folder = os.environ.get("SHIMOPS_SCREENSHOTS")
        if folder:
            (Path(folder) / (name + ".png")).write_bytes(self.screenshot(height))


def _feature(name, value):
    return {"name": name, "value": value or "light"}
