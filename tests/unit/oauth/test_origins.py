import pytest

from proxy.oauth.origins import secure_origin

USABLE = {
    "https://id.example": "https://id.example:443",
    "https://ID.example:443/a?b": "https://id.example:443",
    "https://id.example:8443/": "https://id.example:8443",
    "https://[2001:DB8::1]/": "https://[2001:db8::1]:443",
    "http://localhost:9000/a": "http://localhost:9000",
    "http://a.localhost": "http://a.localhost:80",
    "http://127.0.0.1": "http://127.0.0.1:80",
    "http://[::1]:1": "http://[::1]:1",
}


@pytest.mark.parametrize(("url", "origin"), USABLE.items())
def test_an_address_has_an_origin(url: str, origin: str):
    assert secure_origin(url) == origin


@pytest.mark.parametrize(
    "url",
    [
        "", "id.example", "https://", "https:///a", "http://id.example", "http://localhost.evil.example", "http://127.0.0.2",
        "http://[::2]", "ftp://id.example", "javascript:alert(1)", "//id.example", "https://u@id.example",
        "https://u:p@id.example", "https://id.example/#", "https://id.example/#a", "https://id.example/a b",
        "https://id.example/\n", "https://id.example\\@evil.example", "https://ïd.example", "https://id.example:x",
        "https://id.example:99999", "https://[::1", "https://id.example/\x00",
    ],
    ids=repr,
)  # fmt: skip
def test_an_address_that_no_secret_may_go_to_has_none(url: str):
    assert secure_origin(url) is None
