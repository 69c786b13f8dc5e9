"""Web pages that need no network: templates, one style sheet, one script, and Vega to draw figures.

A page is one file. It follows the reader's light or dark setting, prints, and works without scripts as far as
it holds no interactive figure. Everything that came with the data is escaped by the templates. The pieces
that several pages share, such as a figure, a finding or a score with its interval, are macros of
``_parts.html``.
"""
