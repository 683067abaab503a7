import pytest

from proxy.oauth.client_auth import ClientAuthMethod
from proxy.oauth.token import TokenError
from proxy.policy.refresh_verdict import Discard, Interactive, Operator, Retry, Verdict, verdict
from proxy.providers import PROVIDERS
from proxy.providers.azure import AZURE, AZURE_OPENAI, MSGRAPH
from proxy.providers.fields import FieldProblem
from proxy.providers.identity import identity_from
from proxy.providers.registration import can_identify, code_scope, refresh_scope, requested_scope
from tests.unit.oauth.keys import RSA_KEY, certificate
from tests.unit.providers.rows import client, faults, integration, server

TENANT = "11111111-2222-3333-4444-555555555555"


def test_endpoints_are_the_tenants_own():
    found = server("azure", tenant_id=TENANT)
    place = f"https://login.microsoftonline.com/{TENANT}"
    assert found.authorization_endpoint == f"{place}/oauth2/v2.0/authorize"
    assert found.token_endpoint == f"{place}/oauth2/v2.0/token"
    assert found.jwks_uri == f"{place}/discovery/v2.0/keys"
    assert found.issuer == f"{place}/v2.0"
    assert found.userinfo_endpoint is None


@pytest.mark.parametrize(
    ("cloud", "host"),
    [
        ("public", "login.microsoftonline.com"),
        ("", "login.microsoftonline.com"),
        ("usgov", "login.microsoftonline.us"),
        ("china", "login.partner.microsoftonline.cn"),
    ],
)
def test_a_national_cloud_is_a_setting(cloud: str, host: str):
    found = server("azure", tenant_id="contoso.onmicrosoft.com", cloud=cloud)
    assert found.token_endpoint == f"https://{host}/contoso.onmicrosoft.com/oauth2/v2.0/token"


@pytest.mark.parametrize("tenant_id", ["organizations", "common", "contoso.onmicrosoft.com"])
def test_where_many_tenants_may_come_only_named_ones_are_believed(tenant_id: str):
    found = server("azure", tenant_id=tenant_id, tenants=f"{TENANT} b")
    assert found.issuer == "https://login.microsoftonline.com/{tid}/v2.0"
    assert found.tenants == {TENANT, "b"}
    assert server("azure", tenant_id=tenant_id).tenants == frozenset()


@pytest.mark.parametrize("tenant_id", ["", "a/b", "..", "x?y", "{client_id}"])
def test_a_tenant_that_is_none_is_a_problem(tenant_id: str):
    assert [problem.field for problem in faults("azure", tenant_id=tenant_id)] == ["tenant_id"]


def test_the_resource_is_named_with_the_code_and_each_refresh():
    made = integration("azure", tenant_id=TENANT, scopes="https://database.windows.net/.default")
    expected = "https://database.windows.net/.default offline_access"
    assert (requested_scope(AZURE, made), code_scope(AZURE, made), refresh_scope(AZURE, made)) == (expected,) * 3
    assert requested_scope(AZURE, integration("azure", tenant_id=TENANT)) == "openid profile email offline_access"


def test_a_certificate_signs_with_pss_and_is_named_by_its_thumbprint():
    pem = certificate(RSA_KEY)
    found = client(AZURE, integration("azure", tenant_id=TENANT, key=RSA_KEY, certificate=pem))
    assert found.auth_method is ClientAuthMethod.PRIVATE_KEY_JWT
    assert found.assertion_key is not None
    assert (found.assertion_key.rsa_algorithm, found.assertion_key.certificate) == ("PS256", pem)
    assert found.assertion_key.audience.endswith("/oauth2/v2.0/token")


def test_a_key_without_its_certificate_is_a_problem():
    assert faults("azure", "private_key", tenant_id=TENANT) == (
        FieldProblem("certificate", "required: Entra finds the key by its certificate"),
    )
    assert faults("azure", "private_key", tenant_id=TENANT, certificate=certificate(RSA_KEY)) == ()


def refused(*codes: int, error: str = "invalid_grant", **more) -> Verdict:
    answer = TokenError(status=400, error=error, error_codes=frozenset(codes), **more)
    return verdict(answer, refusals=AZURE.refusals)


@pytest.mark.parametrize("code", [70000, 70008, 70043, 700082, 700084, 50089, 50132, 50133, 50173])
def test_what_entra_calls_dead_is_dead(code: int):
    assert refused(code) == Discard("entra_says_dead")


@pytest.mark.parametrize("code", [50058, 50072, 50074, 50076, 50078, 50079, 50097, 50105, 50131, 50158, 53000, 53001, 53003, 53004, 65001, 65004, 16000])  # fmt: skip
def test_a_policy_that_wants_to_see_the_viewer_keeps_the_grant(code: int):
    assert refused(code) == Interactive("interaction_required", None)


def test_a_claims_challenge_is_kept_for_the_viewer():
    assert refused(50173, claims='{"access_token":{}}') == Interactive("claims_challenge", '{"access_token":{}}')


@pytest.mark.parametrize("code", [50033, 50087, 50088, 90006, 90012, 90033])
def test_trouble_at_entra_passes(code: int):
    assert refused(code) == Retry("server_busy", None)


def test_a_loop_leaves_entra_alone_for_five_minutes():
    assert refused(50196) == Retry("client_loop", 300.0)


@pytest.mark.parametrize("code", [7000215, 7000222, 700016, 700027, 90002, 9002327, 70011])
def test_a_wrong_registration_never_costs_a_grant(code: int):
    assert refused(code) == Operator("registration")
    assert refused(code, error="invalid_client") == Operator("registration", is_about_us=True)


def test_invalid_grant_without_a_known_number_keeps_the_grant():
    assert refused() == Interactive("invalid_grant", None)
    assert refused(1234567) == Interactive("invalid_grant", None)


def test_the_account_is_tenant_and_object_and_no_address_is_vouched_for():
    (source,) = AZURE.identity
    claims = {"tid": TENANT, "oid": "o-1", "sub": "pairwise", "email": "ada@corp.example", "email_verified": True}
    found = identity_from(claims, source.names)
    assert found is not None
    assert found.subject == f"{TENANT}:o-1"
    assert (found.email, found.email_verified) == ("ada@corp.example", False)
    assert can_identify(AZURE, {"client_id": "c", "tenant_id": TENANT})


@pytest.mark.parametrize(
    ("alias", "resource"),
    [(MSGRAPH, "https://graph.microsoft.com/.default"), (AZURE_OPENAI, "https://cognitiveservices.azure.com/.default")],
)
def test_an_alias_is_azure_with_a_resource(alias, resource: str):
    made = integration(alias.key, tenant_id=TENANT)
    assert PROVIDERS[alias.key] is alias
    assert requested_scope(alias, made) == f"openid profile email {resource} offline_access"
    assert server(alias.key, tenant_id=TENANT) == server("azure", tenant_id=TENANT)
