"""The demo provider's configuration, written from the settings.

``hub_config/demo_provider`` reads the file; the models here are its shape. Every text it
shows comes from here, in the four languages.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from labwerk_hub import texts
from labwerk_hub.adapters.kept_secrets import kept_secret
from labwerk_hub.domain.claims import NoInstitutionError, identity_from_claims
from labwerk_hub.domain.people import Institution, Role
from labwerk_hub.domain.texts import LANGUAGES, Message
from labwerk_hub.machine.files import write_whole
from labwerk_hub.machine.places import Places
from labwerk_hub.settings import DemoPersonSettings, Settings

#: A text in every language, by the language's two letters.
Spoken = dict[str, str]

_ROLES = {
    Role.OPERATOR: Message("Operator"),
    Role.INSTITUTION_ADMIN: Message("Administrator of the institution"),
    Role.INSTRUCTOR: Message("Instructor"),
    Role.STEWARD: Message("Data steward"),
    Role.MEMBER: Message("Member"),
}
_TEXTS = {
    "title": Message("Labwerk demo sign-in"),
    "notice": Message(
        "This provider belongs to the demo and authenticates nobody: choose a person and you are "
        "signed in, without a password. Never use it for real people."
    ),
    "choose": Message("Who would you like to be?"),
    "roles": Message("Roles"),
    "no_institution": Message("No institution"),
    "welcome": Message("The demo's sign-in provider"),
    "start_there": Message("Start at Labwerk; it sends you here to choose a person."),
    "back": Message("Go to Labwerk"),
    "expired": Message("This sign-in has expired"),
    "start_again": Message("Go back to Labwerk and sign in again."),
    "problem": Message("The sign-in did not work"),
    "signing_out": Message("Signing out"),
    "sign_out": Message("Sign out of the demo provider too"),
}


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ProviderClient(_Model):
    """Labwerk, as the provider knows it."""

    id: str
    secret_file: Path
    redirect_uris: tuple[str, ...]
    post_logout_redirect_uris: tuple[str, ...]


class ProviderPerson(_Model):
    """A card on the provider's page, and the claims behind it."""

    login: str
    #: Keys are claims.
    claims: dict[str, Any]
    institution: Spoken | None
    roles: tuple[Spoken, ...]
    advice: Spoken
    button: Spoken


class ProviderConfig(_Model):
    """The whole file."""

    issuer: str
    host: str
    port: int
    home: str
    client: ProviderClient
    cookie_keys_file: Path
    signing_keys_file: Path
    languages: tuple[str, ...]
    people: tuple[ProviderPerson, ...]
    #: Language → name of the text → text.
    texts: dict[str, dict[str, str]]


def write_provider_config(settings: Settings) -> Path:
    """Write the demo provider's configuration and the secrets it needs; the file's path.

    The folders ``run`` and ``secrets`` of the state directory have to exist; what is
    written there belongs to their owner.
    """
    places = Places(settings.machine.state)
    config = provider_config(settings)
    kept_secret(config.client.secret_file)
    kept_secret(config.cookie_keys_file)
    path = places.run / "provider.json"
    write_whole(path, config.model_dump_json(indent=1) + "\n", mode=0o600)
    if os.geteuid() == 0:
        folder = places.run.stat()
        os.chown(path, folder.st_uid, folder.st_gid)
    return path


def provider_config(settings: Settings) -> ProviderConfig:
    """What the demo provider has to know for these settings."""
    secrets = Places(settings.machine.state).secrets
    hub = f"{settings.network.public_url}/hub"
    return ProviderConfig(
        issuer=settings.issuer,
        host="127.0.0.1",
        port=settings.network.provider_port,
        home=f"{settings.network.public_url}/",
        client=ProviderClient(
            id=settings.sign_in.client_id,
            secret_file=settings.client_secret_path,
            redirect_uris=(f"{hub}/oauth_callback",),
            post_logout_redirect_uris=(f"{hub}/signed-out",),
        ),
        cookie_keys_file=secrets / "demo_cookie_keys",
        signing_keys_file=secrets / "demo_signing_keys.json",
        languages=LANGUAGES,
        people=tuple(_person(person, settings) for person in settings.demo.people),
        texts={
            language: {name: texts.render(text, language) for name, text in _TEXTS.items()}
            for language in LANGUAGES
        },
    )


def _person(person: DemoPersonSettings, settings: Settings) -> ProviderPerson:
    """The card, with the institution and roles that Labwerk will read from the claims."""
    institution: Spoken | None = None
    roles: tuple[Role, ...] = ()
    claims = {"iss": settings.issuer, "sub": person.login, **person.claims}
    institutions = [Institution(i.name, i.title, i.domains) for i in settings.institutions]
    try:
        identity = identity_from_claims(claims, settings.sign_in.claim_mapping, institutions)
    except NoInstitutionError:
        pass  # Somebody to see the refusal with.
    else:
        title = settings.institution(identity.institution).title
        institution = {language: title.in_language(language) for language in LANGUAGES}
        beyond = identity.roles - {Role.MEMBER} or identity.roles
        roles = tuple(role for role in Role if role in beyond)
    name = str(person.claims.get(settings.sign_in.claims.display_name, person.login))
    return ProviderPerson(
        login=person.login,
        claims=person.claims,
        institution=institution,
        roles=tuple(_spoken(_ROLES[role]) for role in roles),
        advice={language: person.try_.in_language(language) for language in LANGUAGES},
        button=_spoken(Message("Sign in as %(name)s", {"name": name})),
    )


def _spoken(message: Message) -> Spoken:
    return {language: texts.render(message, language) for language in LANGUAGES}
