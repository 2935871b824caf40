"""The OpenAPI document names every status that an operation answers."""

import pytest


@pytest.fixture
def document(served):
    async def scenario(service):
        return (await service.http.get("/openapi.json")).json()

    return served(scenario)


@pytest.fixture
def operations(document):
    return {
        (method, path): operation for path, those in document["paths"].items() for method, operation in those.items()
    }


def test_every_status_is_named_by_itself(operations):
    for operation in operations.values():
        assert {"400", "421", "503"} < operation["responses"].keys()
        assert not [status for status in operation["responses"] if not status.isdigit()]


def test_what_has_a_body_may_be_foreign_slow_large_or_wrong(operations):
    of_posts = [operation for (method, _), operation in operations.items() if method == "post"]

    for operation in of_posts:
        assert {"403", "408", "413", "415", "422", "429"} < operation["responses"].keys()


def test_what_only_some_operations_answer_is_named_there(operations):
    assert "401" in operations["post", "/api/notifications/s3"]["responses"]
    assert "404" in operations["get", "/api/photos/{photo_id}"]["responses"]
    by_source = operations["get", "/thumbnails/by-source/{spec}"]["responses"]["404"]
    assert by_source["content"]["application/json"]["schema"]["$ref"].endswith("/NoThumbnailBody")
    assert "404" in operations["get", "/api/reconciliation"]["responses"]
    assert "409" in operations["post", "/api/jobs/{job_id}/retry"]["responses"]
    assert {"206", "304", "416"} < operations["get", "/thumbnails/{path}"]["responses"].keys()


def test_a_refusal_has_always_the_fields_of_an_error_body_and_says_when_to_come_again(document, operations):
    schemas = document["components"]["schemas"]
    error = schemas["ErrorBody"]

    for operation in operations.values():
        for status, answer in operation["responses"].items():
            if status >= "400":
                said = schemas[answer["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]]
                assert error["properties"].items() <= said["properties"].items()
                assert set(error["required"]) <= set(said["required"])
            if status in {"429", "503"}:
                assert "Retry-After" in answer["headers"]
