from __future__ import annotations

import json

from noria.core.schema import Column, Role, Schema, Type
from noria.core.signature import Output, Signature

SIGNATURE = Signature(
    Schema(
        (
            Column("age", Type.NUMBER, low=18, high=90),
            Column("town", Type.CATEGORY, levels=("Delft", "Gouda")),
            Column("code", Type.CATEGORY, levels=tuple(str(n) for n in range(200))),
            Column("member", Type.BOOLEAN),
            Column("joined", Type.DATETIME),
            Column("row", Type.ID, Role.IGNORE),
            Column("weight", Type.NUMBER, Role.WEIGHT),
            Column("left", Type.BOOLEAN, Role.TARGET),
        )
    ),
    (Output("prediction", Type.NUMBER, "the answer"),),
    {"age": 30},
)


def test_json_schema_describes_what_a_caller_sends():
    schema = json.loads(json.dumps(SIGNATURE.json_schema()))
    assert list(schema["properties"]) == schema["required"] == ["age", "town", "code", "member", "joined"]
    assert schema["properties"]["age"] == {
        "type": ["number", "null"], "description": "from 18 to 90 in training"
    }  # fmt: skip
    assert schema["properties"]["town"]["examples"] == ["Delft", "Gouda"]
    assert "examples" not in schema["properties"]["code"]
    assert schema["properties"]["member"]["type"] == ["boolean", "null"]
    assert schema["properties"]["joined"] == {"type": ["string", "null"], "format": "date-time"}


def test_a_signature_survives_json():
    assert Signature.from_dict(json.loads(json.dumps(SIGNATURE.to_dict()))) == SIGNATURE
    assert Signature.from_dict(Signature(Schema(()), ()).to_dict()).example is None
