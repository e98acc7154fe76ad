"""The playground: a static site that runs exported models in the browser, and what serves it.

`page/` holds the TypeScript of the page and `site/` what is built from it; `write.py` adds the
models to a copy of that.
"""
