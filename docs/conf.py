"""How Sphinx builds these pages: `make docs`. A link, an anchor, an image or an included file not there fails it."""

project = "severity"
project_copyright = "the severity contributors; Apache-2.0"
extensions = ["myst_parser"]
root_doc = "index"
exclude_patterns = ["_build"]

myst_heading_anchors = 4
nitpicky = True

html_theme = "pydata_sphinx_theme"
html_title = "severity"
html_copy_source = False
html_show_sphinx = False
html_sidebars = {"**": ["globaltoc.html"]}
html_theme_options = {
    "navbar_center": [],  # the pages stand beside the text, by group
    "navigation_with_keys": False,
    "secondary_sidebar_items": ["page-toc"],
}
