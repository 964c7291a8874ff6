"""The addresses a browser passes on the way in and out."""

from __future__ import annotations

import hashlib
import ipaddress
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from jupyterhub.handlers.base import BaseHandler
from markupsafe import Markup
from oauthenticator.oauth2 import OAuthCallbackHandler, OAuthLoginHandler, OAuthLogoutHandler
from tornado import web

from labwerk_hub.domain.texts import Message
from labwerk_hub.hub import language
from labwerk_hub.texts import render

_HEADING = Message("You could not be signed in")
_STALE = Message(
    "This sign-in is over: it was used already, or belongs to another browser window. "
    "Please sign in again."
)
_REFUSED = Message("Your provider did not sign you in (%(reason)s). Please try again.")
_AGAIN = Message("Sign in again")
_ANOTHER = Message("Sign in with another account")


class SignInError(web.HTTPError):
    """A sign-in that ends on an error page, in sentences of ours."""

    def __init__(self, status: int, sentences: Sequence[Message], spoken: str) -> None:
        super().__init__(status, " ".join(text.msgid % text.params for text in sentences))
        self.language = spoken
        # What the error page shows; the log has the English.
        self.heading = _HEADING
        self.sentences = tuple(sentences)


def nonce_of(state: str) -> str:
    """The nonce that belongs to a ``state`` parameter.

    The state is new for every sign-in and kept in the browser's signed cookie, so a value
    derived from it ties the ID token to the browser without a second cookie.
    """
    return hashlib.sha256(f"nonce {state}".encode()).hexdigest()


class LoginHandler(OAuthLoginHandler):
    """Sends the browser to the provider."""

    def get(self) -> None:
        """Begin to sign in, at the one address that cookies and provider know."""
        public = urlsplit(self.authenticator.sign_in.public_url)
        if _is_loopback(public.hostname or "") and self.request.host != public.netloc:
            # http://localhost: the cookie set there would be missing at the return.
            self.redirect(f"{self.authenticator.sign_in.public_url}{self.request.uri}")
            return
        super().get()

    def authorize_redirect(
        self, *args: Any, extra_params: Mapping[str, str], **kwargs: Any
    ) -> None:
        """Add the nonce, and the language the person reads here."""
        spoken = language.choose(None, self.authenticator.sign_in.language)
        added = {"nonce": nonce_of(extra_params["state"]), "ui_locales": spoken}
        super().authorize_redirect(*args, extra_params={**extra_params, **added}, **kwargs)


class CallbackHandler(OAuthCallbackHandler):
    """Where the provider sends the browser back to."""

    def check_arguments(self) -> None:
        """State and code, with errors in sentences of ours."""
        spoken = language.choose(None, self.authenticator.sign_in.language)
        reason = self.get_argument("error", "")
        if reason:
            self.log.info("The provider answers %s", reason)
            raise SignInError(403, [Message(_REFUSED.msgid, {"reason": reason})], spoken)
        try:
            super().check_arguments()
        except web.HTTPError as error:
            self.log.warning("A sign-in is refused: %s", error.log_message)
            raise SignInError(400, [_STALE], spoken) from error

    async def get(self) -> None:
        """Sign in and go where the person wanted to."""
        try:
            await super().get()
        except SignInError as error:
            if error.status_code == 400 and self.current_user:
                # Somebody who is signed in went back in the browser: nothing to say.
                self.redirect(f"{self.hub.base_url}home")
                return
            # The provider still knows this account: only signing out there lets one choose.
            refused = error.status_code == 403
            path, text = ("logout", _ANOTHER) if refused else ("login", _AGAIN)
            self.extra_error_html = Markup('<a class="btn btn-labwerk" href="{}">{}</a>').format(
                f"{self.hub.base_url}{path}", render(text, error.language)
            )
            raise


class LogoutHandler(OAuthLogoutHandler):
    """Signs out here, then at the provider."""

    _id_token: str | None = None

    async def handle_logout(self) -> None:
        """Remember the ID token while it is known who signs out."""
        await super().handle_logout()
        user = self.current_user
        state = await user.get_auth_state() if user else None
        self._id_token = (state or {}).get("id_token")

    async def render_logout_page(self) -> None:
        """The provider's sign-out, which leads back to :class:`SignedOutHandler`."""
        self.redirect(self.authenticator.sign_out_url(self._id_token))


class SignedOutHandler(BaseHandler):
    """Says that one is signed out, and how to sign in again; never does so by itself."""

    async def get(self) -> None:
        """The page; somebody who is signed in (in another tab, since) goes home."""
        if self.current_user:
            self.redirect(f"{self.hub.base_url}home")
            return
        self.finish(await self.render_template("logout.html"))


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
