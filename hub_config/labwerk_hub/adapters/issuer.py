"""The sign-in provider as its discovery document describes it (OpenID Connect Discovery 1.0)."""

from __future__ import annotations

import ssl
import urllib.request
from http.client import HTTPException
from urllib.error import HTTPError, URLError

from pydantic import BaseModel, ConfigDict, ValidationError
from tenacity import Retrying, retry_if_exception_type, stop_after_delay, wait_fixed

from labwerk_hub.errors import LabwerkError

_SECONDS_BETWEEN = 0.3
_SECONDS_FOR_AN_ANSWER = 10
_LARGEST_DOCUMENT = 1 << 20


class IssuerUnreachableError(LabwerkError):
    """The provider's discovery document cannot be read."""

    code = "issuer-unreachable"


class IssuerMismatchError(LabwerkError):
    """The discovery document is not one that the configured issuer may have."""

    code = "issuer-mismatch"


class ProviderMetadata(BaseModel):
    """What Labwerk uses of a discovery document; the names are the standard's."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    userinfo_endpoint: str = ""
    end_session_endpoint: str = ""
    token_endpoint_auth_methods_supported: tuple[str, ...] = ("client_secret_basic",)

    @property
    def secret_in_body(self) -> bool:
        """Whether the client's secret may be sent as a form field.

        Preferred to HTTP Basic, whose encoding of special characters providers differ in.
        """
        return "client_secret_post" in self.token_endpoint_auth_methods_supported

    @property
    def endpoints(self) -> tuple[str, ...]:
        """Every address that Labwerk or the browser will be sent to."""
        optional = (self.userinfo_endpoint, self.end_session_endpoint)
        required = (self.authorization_endpoint, self.token_endpoint, self.jwks_uri)
        return required + tuple(filter(None, optional))


def discover(issuer: str, patience: float = 30.0) -> ProviderMetadata:
    """Read the discovery document of ``issuer``, trying again for ``patience`` seconds.

    Provider and hub start together, so a refused connection at first is normal.
    Raises :class:`IssuerUnreachableError` or :class:`IssuerMismatchError`.
    """
    address = f"{issuer.rstrip('/')}/.well-known/openid-configuration"
    attempts = Retrying(
        retry=retry_if_exception_type((OSError, HTTPException)),
        stop=stop_after_delay(patience),
        wait=wait_fixed(_SECONDS_BETWEEN),
        reraise=True,
    )
    try:
        document = attempts(_read, address)
        metadata = ProviderMetadata.model_validate_json(document)
    except (OSError, HTTPException, ValueError) as error:
        raise IssuerUnreachableError(
            f"sign_in.issuer “{issuer}”: {address} cannot be read ({_reason(error)}); check the "
            "address, that the provider runs, and that this machine may reach it."
        ) from error
    _check(issuer, metadata)
    return metadata


def _read(address: str) -> bytes:
    # No HTTP proxy: the hub's own requests to the provider do not use one either.
    opener = urllib.request.build_opener(
        urllib.request.ProxyHandler({}),
        urllib.request.HTTPSHandler(context=ssl.create_default_context()),
    )
    request = urllib.request.Request(address, headers={"Accept": "application/json"})
    with opener.open(request, timeout=_SECONDS_FOR_AN_ANSWER) as response:
        document: bytes = response.read(_LARGEST_DOCUMENT)
    return document


def _reason(error: Exception) -> str:
    if isinstance(error, ValidationError):
        first = error.errors(include_url=False)[0]
        return f"{'.'.join(map(str, first['loc'])) or 'the document'}: {first['msg']}"
    if isinstance(error, HTTPError):
        return f"HTTP {error.code}"
    cause = error.reason if isinstance(error, URLError) else error
    said = cause.strerror if isinstance(cause, OSError) else None
    return said or str(cause) or type(error).__name__


def _check(issuer: str, metadata: ProviderMetadata) -> None:
    if metadata.issuer != issuer:
        raise IssuerMismatchError(
            f"sign_in.issuer “{issuer}”: the document there is of the issuer "
            f"“{metadata.issuer}”; write exactly that, or correct the provider."
        )
    plain = [url for url in metadata.endpoints if not url.startswith("https://")]
    if issuer.startswith("https://") and plain:
        raise IssuerMismatchError(
            f"sign_in.issuer “{issuer}”: its document names an address without TLS, “{plain[0]}”; "
            "correct the provider."
        )
