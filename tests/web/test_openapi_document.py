"""The OpenAPI document: every operation has a tag, examples and its errors, and its examples are valid."""

import json

import pytest
from jsonschema import Draft202012Validator
from referencing import Registry, Resource

from raythumbs.app import description
from raythumbs.settings import load_settings

URI = "urn:openapi"


@pytest.fixture(scope="module")
def document(tmp_path_factory):
    return description(load_settings(data_dir=tmp_path_factory.mktemp("data")))


def operations(document):
    return [
        (f"{method.upper()} {path}", operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]


def json_bodies(operation):
    asked = [operation["requestBody"]["content"]] if "requestBody" in operation else []
    contents = asked + [reply["content"] for reply in operation["responses"].values() if "content" in reply]
    return [content["application/json"] for content in contents if "schema" in content.get("application/json", {})]


def test_every_operation_has_a_tag_a_description_and_its_refusals(document):
    lacking = [
        name
        for name, operation in operations(document)
        if not (
            operation.get("tags") and operation.get("description") and {"400", "503"} <= operation["responses"].keys()
        )
    ]

    assert lacking == []


def test_every_json_body_has_an_example_that_is_valid(document):
    registry = Registry().with_resource(URI, Resource.opaque(document))
    wrong = []
    for name, operation in operations(document):
        for body in json_bodies(operation):
            schema = json.loads(json.dumps(body["schema"]).replace('"#/', f'"{URI}#/'))
            if "example" not in body and "examples" not in body:
                wrong.append((name, "no example"))
            elif "example" in body:
                checker = Draft202012Validator(schema, registry=registry)
                wrong += [(name, error.message) for error in checker.iter_errors(body["example"])]

    assert wrong == []
