"""How Sphinx makes the site: pages in Markdown, notebooks with their outputs, and the reference from docstrings."""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from engine import __version__

project = "chalkgrad"
author = "The chalkgrad maintainers"
release = version = __version__

extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx.ext.viewcode"]
exclude_patterns = ["parts"]
default_role = "code"
autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
python_use_unqualified_type_names = True

nb_execution_mode = "off"  # `build` has run them
nb_code_prompt_show = "Run"  # what was folded away behind a prediction
nb_code_prompt_hide = "Fold"
myst_heading_anchors = 3
myst_heading_slug_func = "notebooks.site.build.slug"

html_theme = "furo"
html_title = "chalkgrad"
html_static_path = ["static"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_sphinx = False
html_show_copyright = False
