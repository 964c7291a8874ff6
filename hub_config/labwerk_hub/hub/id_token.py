"""Checking an ID token (OpenID Connect Core 3.1.3.7)."""

from __future__ import annotations

import hmac
from typing import Any

import jwt

from labwerk_hub.errors import LabwerkError

#: Signatures that only the provider can make; never ``none``, nor the shared secret.
_ALGORITHMS = frozenset(
    {"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"}
)
_REQUIRED = ["iss", "sub", "aud", "exp", "iat"]
#: How far the provider's clock may be ahead or behind, in seconds.
_CLOCK_SKEW = 60


class WrongIdTokenError(LabwerkError):
    """The ID token is missing, forged, expired, or was made for another request."""

    code = "wrong-id-token"


def checked_claims(
    id_token: str | None, keys: dict[str, Any], *, issuer: str, client_id: str, nonce: str | None
) -> dict[str, Any]:
    """The claims of ``id_token``, if the provider's ``keys`` (a JWK set) have signed it.

    With a ``nonce``, the token must carry it: it ties the token to the browser that began
    to sign in. Raises :class:`WrongIdTokenError`.
    """
    if not id_token:
        raise WrongIdTokenError("The provider sent no ID token; ask for the scope openid.")
    try:
        key = _key(id_token, jwt.PyJWKSet.from_dict(keys))
        claims: dict[str, Any] = jwt.decode(
            id_token,
            key,
            algorithms=[key.algorithm_name],
            audience=client_id,
            issuer=issuer,
            leeway=_CLOCK_SKEW,
            options={"require": _REQUIRED},
        )
    except jwt.PyJWTError as error:
        raise WrongIdTokenError(f"The ID token of {issuer} does not hold: {error}.") from error
    if claims.get("azp", client_id) != client_id:
        raise WrongIdTokenError(f"The ID token is for the client {claims['azp']}.")
    if nonce is not None and not hmac.compare_digest(str(claims.get("nonce", "")), nonce):
        raise WrongIdTokenError("The ID token does not carry the nonce that was sent.")
    return claims


def _key(id_token: str, keys: jwt.PyJWKSet) -> jwt.PyJWK:
    """The provider's key that the token names, or its only one for signing."""
    name = jwt.get_unverified_header(id_token).get("kid")
    usable = [
        key
        for key in keys.keys
        if key.algorithm_name in _ALGORITHMS
        and key.public_key_use in (None, "sig")
        and (name is None or key.key_id == name)
    ]
    if len(usable) != 1:
        raise WrongIdTokenError(f"The provider's keys have {len(usable)} of the name {name}.")
    return usable[0]
