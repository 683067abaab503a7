import pytest

from proxy.oauth.pkce import code_verifier, s256_challenge


def test_the_challenge_of_rfc_7636_appendix_b():
    assert (
        s256_challenge("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk") == "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
    )


@pytest.mark.parametrize(("size", "length"), [(32, 43), (96, 128)])
def test_a_verifier_has_the_lengths_of_the_rfc(size: int, length: int):
    assert len(code_verifier(bytes(size))) == length


@pytest.mark.parametrize("size", [0, 31, 97])
def test_too_little_or_too_much_randomness_is_refused(size: int):
    with pytest.raises(ValueError, match="random bytes"):
        code_verifier(bytes(size))


def test_a_verifier_is_url_safe():
    assert code_verifier(b"\xfb\xff" * 16).replace("-", "").replace("_", "").isalnum()
