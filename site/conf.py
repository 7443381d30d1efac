"""Sphinx's settings for the course's site. ``make site`` lays the pages beside a copy of this."""

from pathlib import Path

address = Path(__file__).with_name("address.txt").read_text("utf-8")

project = "gancourse"
html_title = "How GANs work and whether they help"
author = "the authors of gancourse"
project_copyright = ""
language = "en"
exclude_patterns = [".trees", "**/.*"]

extensions = ["myst_nb", "sphinx.ext.mathjax"]
nb_execution_mode = "off"  # the chapters are shown as they are committed
nb_merge_streams = True
nb_code_prompt_show = "Show the code"
nb_code_prompt_hide = "Hide the code"
myst_enable_extensions = ["dollarmath", "amsmath"]
myst_dmath_double_inline = True
myst_heading_anchors = 3
# raw notebook prose: headings may skip a level inside a folded solution
suppress_warnings = ["myst.header", "mystnb.unknown_mime_type", "misc.highlighting_failure"]

mathjax_path = "mathjax.js"
mathjax3_config = {"options": {"enableMenu": False}, "svg": {"scale": 0.92}}

html_theme = "sphinx_book_theme"
html_favicon = "_static/icon.svg"
html_context = {"default_mode": "auto"}
html_static_path = ["_static"]
html_css_files = ["frames.css", "site.css"]
html_js_files = [("frames.js", {"defer": "defer"})]
html_show_sphinx = False
html_show_copyright = False
html_last_updated_fmt = None
html_theme_options = {
    "navbar_persistent": [],  # the search stands in the sidebar
    "show_navbar_depth": 1,
    "home_page_in_toc": True,
    "use_fullscreen_button": False,
    "use_download_button": True,
    "show_toc_level": 2,
    "pygments_light_style": "a11y-high-contrast-light",
    "pygments_dark_style": "a11y-high-contrast-dark",
    "footer_content_items": [],
}
if address:
    html_theme_options |= {
        "repository_url": address,
        "repository_branch": "main",
        "use_repository_button": True,
        "launch_buttons": {"colab_url": "https://colab.research.google.com"},
    }
