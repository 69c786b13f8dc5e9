from __future__ import annotations

import json
import math

from noria.core.insight import Importance, Insight


def test_what_json_has_no_number_for_is_read_back():
    found = Insight(importance=(Importance("age", 0.1, math.nan, math.nan),))
    (one,) = Insight.from_dict(json.loads(json.dumps(found.to_dict()))).importance
    assert one.value == 0.1
    assert math.isnan(one.low)
