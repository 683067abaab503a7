"""The document says what is there: every route, every shape, every error; and it is the one that is checked in."""

from __future__ import annotations

from pathlib import Path

import pytest
from multidict import CIMultiDict, CIMultiDictProxy
from openapi_spec_validator import OpenAPIV31SpecValidator
from yarl import URL

from proxy.web.api.codes import BY_STATUS_AND_CODE, ERRORS, OWN
from proxy.web.api.openapi import document, openapi_text
from proxy.web.api.operations import OPERATIONS
from proxy.web.routes import API_LISTENER
from tests.unit.web.api.described import operation_at, response_of, undescribed

CHECKED_IN = Path(__file__).parents[4] / "docs/openapi.json"


def test_the_document_is_valid_openapi_3_1():
    OpenAPIV31SpecValidator(document()).validate()


def test_the_checked_in_document_is_this_one():
    assert CHECKED_IN.read_text(encoding="utf-8") == openapi_text(), (
        'run `python -c "from proxy.web.api.openapi import openapi_text; '
        "print(openapi_text(), end='')\" > docs/openapi.json`"
    )


def test_every_route_of_the_listener_is_described_and_no_other():
    assert sorted((operation.method, operation.path, operation.verb) for operation in OPERATIONS) == sorted(
        (route.method, route.path, route.guard.verb) for route in API_LISTENER
    )


def test_operations_have_names_of_their_own():
    names = [operation["operationId"] for item in document()["paths"].values() for operation in item.values()]
    assert len(set(names)) == len(names) == len(API_LISTENER)


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: f"{operation.method} {operation.path}")
def test_a_code_that_an_operation_names_is_one_of_the_table(operation):
    assert set(operation.codes) <= {row.code for row in OWN}


def test_an_error_is_known_by_status_and_code():
    assert len(BY_STATUS_AND_CODE) == len(ERRORS)


def test_a_route_with_a_body_describes_what_is_wrong_with_one():
    described = operation_at("POST", "/__api__/v1/oauth/integrations/credentials")
    assert set(described["responses"]) >= {"200", "400", "401", "403", "413", "429", "503"}
    refused = response_of(described, 400)["content"]["application/json"]["schema"]["allOf"][1]
    assert {25, 87, 212, 213, 220} <= set(refused["properties"]["code"]["enum"])


async def test_the_document_is_served_without_a_key_to_programs_on_this_machine(api):
    answer = await api.get("/__api__/openapi.json")
    assert (answer.status, answer.content_type) == (200, "application/json")
    assert await answer.text() == openapi_text()
    assert (await api.get("/__api__/openapi.json", headers={"Origin": "https://evil.example"})).status == 403


@pytest.mark.parametrize(
    ("status", "kind", "body"),
    [
        pytest.param(200, "application/json", b'{"version": "1"}', id="fields missing"),
        pytest.param(200, "text/html", b"<p>", id="another content type"),
        pytest.param(418, "application/json", b"{}", id="another status"),
        pytest.param(401, "application/json", b'{"code": 25, "error": "", "payload": null}', id="another code"),
        pytest.param(401, "application/json", b'{"code": 24, "error": ""}', id="half an envelope"),
    ],
)
def test_the_tests_own_check_sees_an_answer_that_is_not_described(status, kind, body):
    headers = CIMultiDictProxy(CIMultiDict({"Content-Type": kind}))
    assert undescribed("GET", URL("http://localhost/__api__/server_settings"), status, headers, body)
