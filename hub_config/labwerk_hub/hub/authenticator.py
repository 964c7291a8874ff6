"""Signing in: the provider's answer becomes a person, hub groups and hub roles.

oauthenticator does the OAuth part (state, PKCE, tokens, refresh). What is ours: the
addresses come from the issuer's discovery document, the ID token is checked, and who
somebody is here is decided by ``domain/claims`` and kept by ``services/people``.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from jupyterhub import orm
from jupyterhub.handlers.base import BaseHandler
from jupyterhub.user import User
from oauthenticator.generic import GenericOAuthenticator
from tornado.httpclient import HTTPClientError
from traitlets import Instance
from traitlets.config import Config

from labwerk_hub.adapters.issuer import ProviderMetadata, discover
from labwerk_hub.adapters.kept_secrets import kept_secret
from labwerk_hub.domain.claims import (
    ClaimMapping,
    NoInstitutionError,
    UnusableClaimsError,
    identity_from_claims,
)
from labwerk_hub.domain.entitlement import Entitlement
from labwerk_hub.domain.people import Role
from labwerk_hub.domain.texts import Message
from labwerk_hub.errors import DatabaseError, LabwerkError, SettingsError
from labwerk_hub.hub import audit_handlers, language
from labwerk_hub.hub.id_token import WrongIdTokenError, checked_claims
from labwerk_hub.hub.sign_in_handlers import (
    CallbackHandler,
    LoginHandler,
    LogoutHandler,
    SignedOutHandler,
    SignInError,
    nonce_of,
)
from labwerk_hub.services import audit, people
from labwerk_hub.services.workbench import Workbench
from labwerk_hub.settings import Settings

#: A page that answers this does so for a moment: the sign-in is not at fault.
_SERVER_ERROR = 500
#: Key of the ID token's checked claims beside oauthenticator's own in a token response.
_ID_CLAIMS = "id_token_claims"
#: Key of the hub groups in auth_state.
_GROUPS = "hub_groups"

_NOT_COMPLETED = Message("The sign-in could not be completed. Please sign in again.")
_INCOMPLETE_CLAIMS = Message(
    "Your provider did not say whose account this is. Please tell an operator."
)
_PROVIDER_SILENT = Message(
    "The sign-in provider does not answer. Please try again in a minute, or tell an operator."
)
_NOT_RECORDED = Message(
    "Your sign-in cannot be recorded just now. Please try again in a minute, or tell an operator."
)


@dataclass(frozen=True)
class SignIn:
    """What signing in needs of the site."""

    workbench: Workbench
    provider: ProviderMetadata
    mapping: ClaimMapping
    language: str
    public_url: str

    def __deepcopy__(self, memo: dict[int, object]) -> SignIn:
        """Itself: traitlets copies what configuration holds, and a workbench is one."""
        return self


def configure_sign_in(c: Config, settings: Settings, workbench: Workbench) -> None:
    """Let people sign in at the issuer of the settings.

    Reads the issuer's discovery document, waiting for a provider that is still starting.
    Raises IssuerUnreachableError, IssuerMismatchError or SettingsError.
    """
    provider = discover(settings.issuer)
    hub = f"{settings.network.public_url}/hub"
    c.JupyterHub.authenticator_class = LabwerkAuthenticator
    # Who comes by another name of this address is led here: the cookies are of one host.
    c.JupyterHub.public_url = f"{settings.network.public_url}/"
    c.CryptKeeper.keys = [kept_secret(settings.machine.state / "secrets" / "crypt_key")]
    c.LabwerkAuthenticator.sign_in = SignIn(
        workbench=workbench,
        provider=provider,
        mapping=settings.sign_in.claim_mapping,
        language=settings.machine.language,
        public_url=settings.network.public_url,
    )
    c.LabwerkAuthenticator.update(
        client_id=settings.sign_in.client_id,
        client_secret=_client_secret(settings),
        scope=list(settings.sign_in.scopes),
        oauth_callback_url=f"{hub}/oauth_callback",
        authorize_url=provider.authorization_endpoint,
        token_url=provider.token_endpoint,
        userdata_url=provider.userinfo_endpoint,
        basic_auth=not provider.secret_in_body,
        enable_pkce=True,
        # A provider that hangs holds up a page for this long at most.
        http_request_kwargs={"connect_timeout": 5, "request_timeout": 10},
        # The account is known by its subject; the hub's name is given in update_auth_model.
        username_claim="sub",
        # Who may come in is decided there, too.
        allow_all=True,
        auto_login=False,
        # Keeps the tokens, encrypted: for refresh, and for signing out at the provider.
        enable_auth_state=True,
        manage_groups=True,
        auth_state_groups_key=_GROUPS,
        manage_roles=True,
    )


def _client_secret(settings: Settings) -> str:
    path = settings.client_secret_path
    where = f"{settings.path}: sign_in.client_secret_file “{path}”"
    try:
        secret = path.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise SettingsError(
            [f"{where} cannot be read ({error.strerror}); let {settings.machine.user} read it."]
        ) from error
    if not secret:
        raise SettingsError([f"{where} is empty; write the secret into it."])
    return secret


class LabwerkAuthenticator(GenericOAuthenticator):
    """GenericOAuthenticator that knows its provider and whom Labwerk lets in."""

    sign_in = Instance(SignIn, help="What signing in needs of the site.").tag(config=True)

    login_handler = LoginHandler
    callback_handler = CallbackHandler
    logout_handler = LogoutHandler

    def get_handlers(self, app: Any) -> list[tuple[Any, ...]]:
        """oauthenticator's addresses, the page one comes back to after signing out, and ours.

        These come before JupyterHub's own of the same addresses.
        """
        own = audit_handlers.handlers(self.sign_in.workbench)
        return [*super().get_handlers(app), (r"/signed-out", SignedOutHandler), *own]

    def sign_out_url(self, id_token: str | None) -> str:
        """Where a browser goes to end the provider's session as well (RP-Initiated Logout).

        The provider sends it back to the page that says so. Without the ID token, as for
        somebody who was refused, the provider may ask whether that is meant.
        """
        signed_out = f"{self.sign_in.public_url}/hub/signed-out"
        endpoint = self.sign_in.provider.end_session_endpoint
        if not endpoint:
            return signed_out
        query = {
            "client_id": self.client_id,
            "post_logout_redirect_uri": signed_out,
            "ui_locales": language.choose(None, self.sign_in.language),
        }
        if id_token:
            query["id_token_hint"] = id_token
        return f"{endpoint}{'&' if '?' in endpoint else '?'}{urlencode(query)}"

    async def authenticate(
        self, handler: CallbackHandler, data: Any = None, **kwargs: Any
    ) -> dict[str, Any]:
        """The auth model of who comes back from the provider.

        Raises :class:`SignInError` if the provider refuses the code (used before, say),
        does not answer, or names somebody whom Labwerk does not let in, and if who comes
        cannot be written down.
        """
        workbench = self.sign_in.workbench
        try:
            model: dict[str, Any] = await super().authenticate(handler, data, **kwargs)
            await asyncio.to_thread(audit.signed_in, workbench, model["name"])
        except (HTTPClientError, OSError) as error:
            raise self._failed(error) from error
        except SignInError as error:
            if isinstance(error.__cause__, LabwerkError):
                await self._refused(error.__cause__)
            raise
        except DatabaseError as error:
            self.log.error("A sign-in is not on record: %s", error)
            raise self._error(503, _NOT_RECORDED) from error
        return model

    async def _refused(self, why: LabwerkError) -> None:
        """Record that an account was not let in; not being able to changes nothing."""
        try:
            await asyncio.to_thread(audit.sign_in_refused, self.sign_in.workbench, why.code)
        except DatabaseError as error:
            self.log.warning("A refused sign-in is not on record: %s", error)

    async def get_token_info(self, handler: Any, params: dict[str, Any]) -> dict[str, Any]:
        """The token response, with the ID token's claims once they are checked.

        Raises :class:`SignInError` if the ID token is not the one that was asked for.
        """
        token_info: dict[str, Any] = await super().get_token_info(handler, params)
        signing_in = params["grant_type"] == "authorization_code"
        if not signing_in and "id_token" not in token_info:
            return token_info
        nonce = nonce_of(handler.get_state_url()) if signing_in else None
        try:
            token_info[_ID_CLAIMS] = await self._checked(token_info.get("id_token"), nonce)
        except WrongIdTokenError as error:
            self.log.warning("The ID token is refused: %s", error)
            raise self._error(403, _NOT_COMPLETED) from error
        return token_info

    async def token_to_user(self, token_info: dict[str, Any]) -> dict[str, Any]:
        """All claims: of the ID token, and of userinfo, which are the fresher ones."""
        id_claims: dict[str, Any] = token_info.get(_ID_CLAIMS, {})
        user_info: dict[str, Any] = {}
        if self.userdata_url:
            user_info = await super().token_to_user(token_info)
        if id_claims and user_info and user_info.get("sub") != id_claims["sub"]:
            # OpenID Connect Core 5.3.2: such an answer must not be used.
            self.log.warning("The claims of userinfo are of another subject than the ID token")
            raise self._error(403, _NOT_COMPLETED)
        return {**id_claims, **user_info, "iss": self.sign_in.provider.issuer}

    async def update_auth_model(self, auth_model: dict[str, Any]) -> dict[str, Any]:
        """Name, groups and roles of the person the claims are of, at sign-in and refresh."""
        state = auth_model["auth_state"]
        try:
            entitlement = await asyncio.to_thread(self._entitlement, state["oauth_user"])
        except NoInstitutionError as error:
            raise self._error(403, *error.sentences) from error
        except UnusableClaimsError as error:
            self.log.error("%s", error)
            raise self._error(403, _INCOMPLETE_CLAIMS) from error
        person = entitlement.person
        state[_GROUPS] = entitlement.hub_groups
        return {
            **auth_model,
            "name": person.name,
            # Said explicitly, so that somebody who is no longer operator is no longer admin.
            "admin": Role.OPERATOR in person.roles,
            "roles": [self._hub_role(name) for name in entitlement.hub_roles],
            "user_info": {"name": person.display_name, "display_name": person.display_name},
        }

    async def refresh_user(
        self, user: User, handler: BaseHandler | None = None, **kwargs: Any
    ) -> bool | dict[str, Any]:
        """What is true of ``user`` now; False sends them to sign in again.

        A provider that does not answer leaves things as they are: nobody is thrown out
        because it restarts.
        """
        try:
            refreshed: bool | dict[str, Any] = await super().refresh_user(user, handler, **kwargs)
        except (HTTPClientError, OSError) as error:
            self.log.warning("%s stays signed in, the provider is silent: %s", user.name, error)
            return True
        except SignInError as error:
            self.log.warning("%s has to sign in again: %s", user.name, error.log_message)
            return False
        except DatabaseError as error:
            self.log.warning("%s stays signed in as they were: %s", user.name, error)
            return True
        if isinstance(refreshed, dict) and refreshed["name"] != user.name:
            self.log.error("The tokens of %s are of %s", user.name, refreshed["name"])
            return False
        return refreshed

    def _hub_role(self, name: str) -> dict[str, Any]:
        """A role as it is; without its scopes JupyterHub would warn that it has none."""
        role = orm.Role.find(self.parent.db, name)
        return {"name": name, "scopes": list(role.scopes)}

    def _entitlement(self, claims: dict[str, Any]) -> Entitlement:
        workbench = self.sign_in.workbench
        identity = identity_from_claims(
            claims, self.sign_in.mapping, workbench.catalogue.institutions
        )
        return people.entitlement_of(workbench, people.remember(workbench, identity))

    async def _checked(self, id_token: str | None, nonce: str | None) -> dict[str, Any]:
        keys = await self.httpfetch(
            self.sign_in.provider.jwks_uri, validate_cert=self.validate_server_cert
        )
        return checked_claims(
            id_token,
            keys,
            issuer=self.sign_in.provider.issuer,
            client_id=self.client_id,
            nonce=nonce,
        )

    def _failed(self, error: HTTPClientError | OSError) -> SignInError:
        if isinstance(error, HTTPClientError) and error.code < _SERVER_ERROR:
            return self._error(403, _NOT_COMPLETED)
        self.log.error("The sign-in provider does not answer: %s", error)
        return self._error(503, _PROVIDER_SILENT)

    def _error(self, status: int, *sentences: Message) -> SignInError:
        spoken = language.choose(None, self.sign_in.language)
        return SignInError(status, sentences, spoken)
