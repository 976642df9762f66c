"""Draw static/app/icon-*.png from static/favicon.svg, for phones that put the site among their apps: they take no SVG.

From the checkout's root, after a change of the drawing: .venv/bin/python static/src/app_icons.py
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from playwright.sync_api import sync_playwright

from tests.browser import chromium

STATIC = Path(__file__).parents[1]
ICONS = {  # pixels, and whether the phone cuts a shape of its own out of it: then its ground has no corners
    "icon-180.png": (180, True),
    "icon-192.png": (192, False),
    "icon-512.png": (512, False),
    "icon-512-maskable.png": (512, True),
}


def main() -> None:
    drawing = (STATIC / "favicon.svg").read_text()
    # Six more on each side of its 28 by 28.
    whole = drawing.replace('viewBox="0 0 28 28"', 'viewBox="-6 -6 40 40"')
    whole = whole.replace('<rect width="28" height="28" rx="8"', '<rect x="-6" y="-6" width="40" height="40"')
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium.find(), args=["--no-sandbox"])
        for name, (pixels, is_whole) in ICONS.items():
            page = browser.new_page(viewport={"width": pixels, "height": pixels})
            shown = whole if is_whole else drawing
            page.set_content(f"<style>body {{ margin: 0 }} svg {{ display: block }}</style>{shown}")
            page.screenshot(path=STATIC / "app" / name, omit_background=True)
            page.close()
        browser.close()


if __name__ == "__main__":
    main()
