"""Settings of Sphinx for build/docs; `python docs/site/build.py` prepares its sources there and runs it."""

import sys
from pathlib import Path

import yaml

sys.path.append(str(Path(__file__).parent))

galaxy = yaml.safe_load((Path(__file__).parents[2] / "galaxy.yml").read_text())

project = "homelab.anycast"
author = copyright = galaxy["authors"][0].removeprefix("The ")
version = release = galaxy["version"]
html_title = html_short_title = f"homelab.anycast {version}"

extensions = ["sphinx.ext.intersphinx", "sphinx_antsibull_ext", "myst_parser", "tables"]
myst_heading_anchors = 3
highlight_language = "YAML+Jinja"
# Its colours have a contrast of 4.5:1 or better.
pygments_style = "xcode"

# Every reference is resolved or is an error. Those to the documentation of Ansible and of other collections are by an
# inventory that the build makes, as it has no network.
nitpicky = True
intersphinx_mapping = {"ansible": ("https://docs.ansible.com/projects/ansible/latest/", "external.inv")}

html_theme = "sphinx_ansible_theme"
html_theme_options = {"display_version": True, "topbar_links": {}, "vcs_pageview_mode": ""}
html_show_sphinx = False
html_copy_source = False
html_use_index = False
templates_path = ["_templates"]
html_static_path = ["_static"]
html_css_files = ["site.css"]
