"""The description of a service, and the service held against it."""

from __future__ import annotations

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)

from noria.api import desk
from noria.server.openapi import described

CHECKS = [
    not_a_server_error, content_type_conformance, response_headers_conformance, response_schema_conformance,
    status_code_conformance, unsupported_method,
]  # fmt: skip

BOUNDED = settings(
    max_examples=20, deadline=None, derandomize=True, database=None, phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)  # fmt: skip


@pytest.mark.anyio
async def test_every_model_has_its_paths_with_a_real_row(inside):
    service = inside("line", "pets")
    told = (await service.client.get("/openapi.json")).json()
    assert {path for path in told["paths"] if path.startswith("/v1/models/")} == {
        f"/v1/models/{name}/{verb}"
        for name in ("line", "pets")
        for verb in ("predict", "explain", "feedback", "schema", "health", "ready", "metrics")
    }
    for name in ("line", "pets"):
        for verb in ("predict", "explain"):
            content = told["paths"][f"/v1/models/{name}/{verb}"]["post"]["requestBody"]["content"]
            answer = await service.client.post(
                f"/v1/models/{name}/{verb}", json=content["application/json"]["example"]
            )
            assert answer.status_code == 200


@pytest.mark.anyio
async def test_a_model_that_takes_questions_has_paths_of_its_own(handbook):
    told = described(desk("handbook", session=handbook).endpoints)["paths"]
    place = "/v1/models/handbook/documents"
    assert set(told) >= {"/v1/models/handbook/ask", place, f"{place}/{{id}}"}
    assert set(told[place]) == {"get", "post"}
    assert set(told[place]["post"]["requestBody"]["content"]) == {"application/octet-stream"}
    assert set(told[place]["post"]["responses"]) >= {"202", "409", "422", "503"}
    asked = told["/v1/models/handbook/ask"]["post"]["requestBody"]["content"]["application/json"]
    assert asked["example"]["question"].endswith("?")


@pytest.mark.anyio
async def test_the_field_that_splits_is_described(inside):
    service = inside(split=["challenger=0.5"], by="customer")
    told = (await service.client.get("/openapi.json")).json()["paths"]["/v1/models/line/predict"]["post"]
    row = told["requestBody"]["content"]["application/json"]["schema"]["properties"]["rows"]["items"]
    assert list(row["properties"]) == ["x", "customer"]
    assert row["required"] == ["x"]
    assert (await service.predict([{"x": 1, "customer": 7}])).status_code == 200


def test_a_service_does_what_it_says(process):
    """Schemathesis asks whatever the description allows, and what it does not."""
    service = process("line", "pets")
    schema = schemathesis.openapi.from_url(f"{service.told['url']}/openapi.json")
    seen = set()

    def ask(case):
        answer = case.call()
        seen.add((case.method, case.path, answer.status_code))
        case.validate_response(answer, checks=CHECKS)

    for found in schema.get_all_operations():
        operation = found.ok()
        for mode in schemathesis.GenerationMode if operation.body else [schemathesis.GenerationMode.POSITIVE]:
            BOUNDED(given(operation.as_strategy(generation_mode=mode))(ask))()
    assert ("POST", "/v1/models/pets/predict", 200) in seen
    assert ("POST", "/v1/models/pets/predict", 422) in seen
    assert not [one for one in seen if one[2] >= 500]
    assert service.predict([{"x": 1}]).status_code == 200
    assert service.stop() == (0, "")
