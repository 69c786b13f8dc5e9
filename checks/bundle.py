"""Write Vega and its parts as one script into the pages' assets; run it after vl-convert was updated."""

from __future__ import annotations

from pathlib import Path

import vl_convert

_TARGET = Path(__file__).parent.parent / "src/noria/pages/assets/vega.js"
_NOTICE = """/*! Vega {vega}, Vega-Lite {lite} and Vega-Embed {embed}, Copyright (c) University of Washington
Interactive Data Lab and contributors, BSD 3-Clause: https://github.com/vega/vega/blob/main/LICENSE */
"""


def main() -> None:
    """Write it."""
    script = vl_convert.javascript_bundle().replace("</script", "<\\/script")
    lite = vl_convert.get_vegalite_versions()[-1]
    notice = _NOTICE.format(
        vega=vl_convert.get_vega_version(), lite=lite, embed=vl_convert.get_vega_embed_version()
    )
    _TARGET.write_text(notice + script, encoding="utf-8")


if __name__ == "__main__":
    main()
