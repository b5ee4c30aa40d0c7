"""How Sphinx makes the site: the repository is its source, so that links work here as they do on the code host."""

import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "src"))
sys.path.insert(0, str(Path(__file__).parent))

import learning_debt  # noqa: E402

project = "learning-debt"
author = "The learning-debt developers"
release = version = learning_debt.__version__
language = "en"

extensions = [
    "myst_nb",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.mathjax",
    "sphinx-mathjax-offline",  # MathJax and its fonts become part of the site, which then asks nothing of the network
    "sphinx_design",
    "links_to_folders",
]
root_doc = "docs/index"
include_patterns = ["docs/**.md", "notebooks/*.ipynb", "docs/api/generated/*.rst", "*.md"]
exclude_patterns = [".*", "README.md", "src", "tests", "build", "dist", "audit", "benchmarks", "models", "scripts"]
templates_path = [str(Path(__file__).parent / "_templates")]  # autosummary would look for a relative one elsewhere

# Text
myst_enable_extensions = ["colon_fence", "dollarmath", "deflist"]
myst_heading_anchors = 4
myst_links_external_new_tab = False
nb_execution_mode = "off"  # notebooks are shown as they are stored; tests run them
nb_merge_streams = True

# Reference
default_role = "py:obj"
autosummary_generate = True
autosummary_imported_members = True
autodoc_typehints = "none"  # numpydoc says types in words
autodoc_member_order = "bysource"
numpydoc_show_class_members = False
numpydoc_class_members_toctree = False
numpydoc_xref_param_type = False
add_module_names = False
toc_object_entries_show_parents = "hide"

# Looks
html_theme = "pydata_sphinx_theme"
html_title = "learning-debt"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_js_files = [("names.js", {"defer": "defer"})]
html_favicon = "_static/favicon.svg"
html_show_sourcelink = False
html_copy_source = False
html_additional_pages = {"index": "to_first_page.html"}
html_theme_options = {
    "logo": {"text": "learning-debt"},
    "navigation_with_keys": False,
    "show_toc_level": 2,
    "header_links_before_dropdown": 6,
    "secondary_sidebar_items": ["page-toc"],
    "footer_start": ["copyright"],
    "footer_end": [],
    "icon_links": [],
    "pygments_light_style": "a11y-high-contrast-light",
    "pygments_dark_style": "a11y-high-contrast-dark",
}
html_context = {"default_mode": "auto"}
copyright = f"{author}. Apache-2.0"
