"""Make the pictures of the site anew: `python docs/site/pictures.py [BROWSER]`, where BROWSER is a Chromium.

The drawings need nothing; what a playbook shows is rendered from the data of the unit tests, and photographed by the
browser.
"""

from __future__ import annotations

import dataclasses
import importlib
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from drawings import DRAWINGS

ROOT = Path(__file__).parents[2]
IMAGES = ROOT / "docs" / "docsite" / "rst" / "images"
TEMPLATES = ROOT / "playbooks" / "templates"
WIDTH = 1160


def status_page() -> str:
    """The status of a system of which one node is drained."""
    from ansible_collections.homelab.anycast.plugins.module_utils.system import status_page

    system = sample("conftest").FakeSystem(bfd=True)
    system.drained("sip2")
    return render("status", status_page.status_page(dataclasses.replace(system.status(), time=now())))


def drill_page() -> str:
    """A drill of two events, the second of which cost more than it may."""
    from ansible_collections.homelab.anycast.plugins.module_utils.drill import report as drill_report

    event = sample("drill.test_report").event
    events = [event(), event(limit=0.5, title="kill -9 on sip1, again")]
    report = drill_report.Report(now(), "alice@desk", events)
    return render("drill", drill_report.report_page(report))


def now() -> str:
    """The time of the pages, which say when they are old."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


def sample(module: str) -> Any:
    return importlib.import_module(f"tests.unit.plugins.module_utils.{module}")


def render(name: str, page: object) -> str:
    import jinja2

    # As Ansible's template module does.
    environment = jinja2.Environment(loader=jinja2.FileSystemLoader(TEMPLATES), trim_blocks=True)
    return environment.get_template(f"{name}.html.j2").render(page=page)


def dark(page: str) -> str:
    """Return a page as a reader with a dark screen sees it."""
    return page.replace("(prefers-color-scheme: dark)", "all").replace("color-scheme: light dark", "color-scheme: dark")


PAGES: dict[str, tuple[Callable[[], str], int]] = {
    "status": (status_page, 790),
    "status_dark": (lambda: dark(status_page()), 790),
    "drill": (drill_page, 890),
}


def photograph(browser: str, page: str, height: int, target: Path) -> None:
    """Take a picture of the upper part of a page, with few colours."""
    from PIL import Image

    with tempfile.TemporaryDirectory() as folder:
        source, taken = Path(folder) / "page.html", Path(folder) / "page.png"
        source.write_text(page)
        subprocess.run(
            [
                *(
                    browser,
                    "--headless",
                    "--no-sandbox",
                    "--disable-gpu",
                    "--hide-scrollbars",
                    "--force-color-profile=srgb",
                ),
                *(f"--window-size={WIDTH},{height}", f"--user-data-dir={folder}/profile", f"--screenshot={taken}"),
                source.as_uri(),
            ],
            check=True,
            capture_output=True,
        )
        Image.open(taken).convert("RGB").quantize(160).save(target, optimize=True)


def main(browsers: list[str]) -> None:
    for name, draw in DRAWINGS.items():
        (IMAGES / f"{name}.svg").write_text(draw())
    sys.path[:0] = [str(ROOT), str(ROOT / ".ansible" / "collections")]
    for browser in browsers[:1]:
        for name, (page, height) in PAGES.items():
            photograph(browser, page(), height, IMAGES / f"{name}.png")
    for path in sorted(IMAGES.iterdir()):
        print(f"{path.relative_to(ROOT)}: {path.stat().st_size / 1024:.0f} KiB")


if __name__ == "__main__":
    main(sys.argv[1:])
