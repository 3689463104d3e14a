"""The OpenAPI document says what the server does: each path of it answers as it says."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

pytest.importorskip("longtake_serve")

from longtake_serve.http.access import TokenFile
from tests.contrib.serve.http.server import Served, served


@pytest.fixture(scope="module")
def document(server: Served) -> dict[str, Any]:
    found: dict[str, Any] = server.client.get("/openapi.json").json()
    return found


def schemas(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        if "schema" in value:
            yield value["schema"]
        for each in value.values():
            yield from schemas(each)
    elif isinstance(value, list):
        for each in value:
            yield from schemas(each)


def test_every_operation_is_named_once_and_its_schemas_are_some(document: dict[str, Any]) -> None:
    assert document["openapi"] == "3.1.0"
    operations = [each for path in document["paths"].values() for each in path.values()]
    ids = [each["operationId"] for each in operations]
    assert len(ids) == len(set(ids)) > 25
    for schema in schemas(document["paths"]):
        Draft202012Validator.check_schema(schema)


def test_answers_are_as_the_document_says(server: Served, document: dict[str, Any]) -> None:
    take = server.rolled("sea")
    for path, methods in document["paths"].items():
        if "get" not in methods or path.endswith("/events"):
            continue
        url = path.replace("{take}", take).replace("{index}", "0").replace("{name}", "x")
        answer = server.client.get(url)
        responses = methods["get"]["responses"]
        assert str(answer.status_code) in responses, (path, answer.text)
        content = responses[str(answer.status_code)]["content"]
        kind = answer.headers["content-type"].partition(";")[0]
        assert kind in content
        schema = content.get("application/json", {}).get("schema", {})
        if "$ref" not in schema and kind == "application/json":
            Draft202012Validator(schema).validate(answer.json())


def test_what_the_schema_takes_the_server_takes(document: dict[str, Any]) -> None:
    post = document["paths"]["/v1/sessions/{take}/segments"]["post"]
    schema = post["requestBody"]["content"]["application/json"]["schema"]
    validator = Draft202012Validator(schema)
    assert validator.is_valid({"prompt": "sea", "sampling": {"seed": 1}})
    assert not validator.is_valid({"prompt": "sea", "sampling": {"seeds": 1}})


def test_tokens_are_in_the_document_where_they_are_needed(tmp_path: Path) -> None:
    tokens = tmp_path / "tokens"
    tokens.write_text(f"ann:{'0' * 64}\n")
    with served(tmp_path, authenticator=TokenFile(tokens)) as server:
        found = server.client.get("/openapi.json").json()
    paths = found["paths"]
    assert paths["/v1/sessions"]["get"]["security"] == [{"token": []}]
    assert "401" in paths["/v1/sessions"]["get"]["responses"]
    assert "security" not in paths["/healthz"]["get"]
    assert found["components"]["securitySchemes"]["token"]["scheme"] == "bearer"
    assert json.dumps(found)
