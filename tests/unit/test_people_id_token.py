"""Which ID tokens are believed."""

from __future__ import annotations

import time
from base64 import urlsafe_b64encode
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from jwt.algorithms import RSAAlgorithm
from labwerk_hub.hub.id_token import WrongIdTokenError, checked_claims

ISSUER, CLIENT, NONCE = "https://login.example", "labwerk", "n-0S6_WzA2Mj"
KEY = generate_private_key(public_exponent=65537, key_size=2048)
OTHER_KEY = generate_private_key(public_exponent=65537, key_size=2048)


def jwk(key: RSAPrivateKey, name: str) -> dict[str, Any]:
    said = RSAAlgorithm.to_jwk(key.public_key(), as_dict=True)
    return {**said, "kid": name, "use": "sig", "alg": "RS256"}


KEYS = {"keys": [jwk(KEY, "2026"), jwk(OTHER_KEY, "2025")]}


def token(key: Any = KEY, algorithm: str = "RS256", kid: str = "2026", **changes: Any) -> str:
    """A good ID token, but for the changes; a claim of None is left out."""
    now = int(time.time())
    claims = {"iss": ISSUER, "sub": "42", "aud": CLIENT, "iat": now, "exp": now + 600}
    claims |= {"nonce": NONCE, **changes}
    said = {name: value for name, value in claims.items() if value is not None}
    return jwt.encode(said, key, algorithm=algorithm, headers={"kid": kid})


def check(id_token: str | None, keys: dict[str, Any] = KEYS) -> dict[str, Any]:
    return checked_claims(id_token, keys, issuer=ISSUER, client_id=CLIENT, nonce=NONCE)


def test_a_token_that_the_provider_signed_for_this_sign_in_is_believed() -> None:
    assert check(token())["sub"] == "42"


def test_a_provider_with_one_unnamed_key_is_understood() -> None:
    unnamed = {name: value for name, value in jwk(KEY, "").items() if name != "kid"}
    signed = jwt.encode(
        jwt.decode(token(), KEY.public_key(), ["RS256"], audience=CLIENT), KEY, "RS256"
    )
    assert check(signed, {"keys": [unnamed]})["sub"] == "42"


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"nonce": "another"}, "nonce"),
        ({"nonce": None}, "nonce"),
        ({"aud": "another-client"}, "[Aa]udience"),
        ({"aud": [CLIENT, "another"], "azp": "another"}, "client another"),
        ({"iss": "https://evil.example"}, "[Ii]ssuer"),
        ({"exp": 1}, "expired"),
        ({"sub": None}, "sub"),
        ({"exp": None}, "exp"),
        ({"key": OTHER_KEY}, "[Ss]ignature"),
        ({"kid": "unknown"}, "0 of the name unknown"),
    ],
)
def test_a_token_of_another_sign_in_client_issuer_time_or_key_is_refused(
    changes: dict[str, Any], reason: str
) -> None:
    with pytest.raises(WrongIdTokenError, match=reason):
        check(token(**changes))


def test_a_token_without_a_signature_is_refused() -> None:
    with pytest.raises(WrongIdTokenError):
        check(token(key=None, algorithm="none"))


@pytest.mark.parametrize("id_token", [None, "", "no.such.token", "rubbish"])
def test_what_is_no_token_is_refused(id_token: str | None) -> None:
    with pytest.raises(WrongIdTokenError):
        check(id_token)


def test_a_token_signed_with_a_shared_secret_is_refused() -> None:
    secret = b"a secret that the client and the provider share"
    written = urlsafe_b64encode(secret).decode().rstrip("=")
    key = {"kty": "oct", "k": written, "kid": "2026", "alg": "HS256"}
    with pytest.raises(WrongIdTokenError):
        check(token(key=secret, algorithm="HS256"), {"keys": [key]})
