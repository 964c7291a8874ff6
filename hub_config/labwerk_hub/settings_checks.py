"""What no single key can tell: names that overlap, things referred to that are not there."""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from labwerk_hub.budget_checks import budget_faults
from labwerk_hub.domain.gpu import Inventory
from labwerk_hub.pool_checks import declared, flavour_faults, unserved

#: Sections whose entries are told apart by these keys.
_IDENTITIES = {
    "institutions": ("name",),
    "projects": ("name",),
    "courses": ("name",),
    "terms": ("name",),
    "gpus": ("name",),
    "flavours": ("name",),
    "datasets": ("institution", "name", "version"),
}


class _Fault(NamedTuple):
    """A key below a place in the file, its value, and what would be right."""

    place: str
    key: str
    value: object
    remedy: str


_REMEDIES = {
    "extra_forbidden": "there is no such setting here; remove it or correct its spelling",
    "missing": "is needed but missing",
}


def sentence(
    path: Path,
    raw: Mapping[str, Any],
    loc: tuple[int | str, ...],
    kind: str,
    message: str,
    value: object,
) -> str:
    """One sentence for one fault of shape: file, key, value and what would be right."""
    key = _key(raw, loc)
    if kind in _REMEDIES:
        return f"{path}: {key}: {_REMEDIES[kind]}."
    remedy = message.removeprefix("Value error, ")
    remedy = remedy[0].lower() + remedy[1:] if remedy else remedy
    return f"{path}: {key} = {_shown(value)}: {remedy}."


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "…"


def _key(raw: Mapping[str, Any], loc: Iterable[int | str]) -> str:
    """A location as a deployer would write it: ``institutions[2] "keller".gpu_hours``."""
    parts: list[str] = []
    here: object = raw
    for step in loc:
        if isinstance(step, int):
            here = here[step] if isinstance(here, list | tuple) and step < len(here) else None
            name = here.get("name") or here.get("login") if isinstance(here, Mapping) else None
            parts[-1] += f"[{step + 1}]" + (f" “{name}”" if name else "")
        else:
            here = here.get(step) if isinstance(here, Mapping) else None
            parts.append(step)
    return ".".join(parts)


def problems_across(path: Path, raw: Mapping[str, Any]) -> Iterator[str]:
    """Every problem between keys, one sentence each.

    Works on the file as read, so that a fault of shape in one place does not hide what
    is wrong in another.
    """
    for fault in _problems(path, raw):
        key = f"{fault.place}.{fault.key}" if fault.key else fault.place
        yield f"{path}: {key} = {_shown(fault.value)}: {fault.remedy}."


def _problems(path: Path, raw: Mapping[str, Any]) -> Iterator[_Fault]:
    yield from _overlapping_names(raw)
    yield from _domains(raw)
    yield from _references(raw)
    yield from _budgets(raw)
    yield from _gpus(raw)
    yield from _pool(raw)
    yield from _flavours(raw)
    yield from _flavours_served(raw)
    yield from _lengths(raw)
    yield from _datasets(path, raw)
    yield from _network(path, raw)
    yield from _sessions(raw)
    yield from _storage(raw)
    yield from _sign_in(path, raw)
    yield from _database(path, raw)
    yield from _mail(path, raw)


def _entries(raw: Mapping[str, Any], section: str) -> list[Mapping[str, Any]]:
    found = raw.get(section, [])
    return (
        [entry for entry in found if isinstance(entry, Mapping)] if isinstance(found, list) else []
    )


def _names(raw: Mapping[str, Any], section: str) -> list[str]:
    return [str(entry.get("name")) for entry in _entries(raw, section)]


def _at(section: str, index: int, entry: Mapping[str, Any]) -> str:
    return f"{section}[{index + 1}] “{entry.get('name') or entry.get('login')}”"


def _overlapping_names(raw: Mapping[str, Any]) -> Iterator[_Fault]:
    for section, keys in _IDENTITIES.items():
        seen: set[tuple[object, ...]] = set()
        for index, entry in enumerate(_entries(raw, section)):
            identity = tuple(entry.get(key) for key in keys)
            if identity in seen and all(identity):
                shown = "/".join(map(str, identity))
                place = _at(section, index, entry)
                yield _Fault(
                    place, "name", shown, "is taken by an earlier entry; names must differ"
                )
            seen.add(identity)
    people = raw.get("demo", {}).get("people", []) if isinstance(raw.get("demo"), Mapping) else []
    logins: set[object] = set()
    for index, person in enumerate(p for p in people if isinstance(p, Mapping)):
        if (login := person.get("login")) in logins:
            place = _at("demo.people", index, person)
            yield _Fault(place, "login", login, "is taken by an earlier entry; logins must differ")
        logins.add(login)


def _domains(raw: Mapping[str, Any]) -> Iterator[_Fault]:
    owner: dict[str, str] = {}
    for index, entry in enumerate(_entries(raw, "institutions")):
        domains = entry.get("domains")
        for domain in domains if isinstance(domains, list) else []:
            key = str(domain).casefold()
            if key in owner:
                yield _Fault(
                    _at("institutions", index, entry),
                    "domains",
                    domain,
                    f"belongs to {owner[key]} already; one domain maps to one institution",
                )
            owner[key] = str(entry.get("name"))


def _references(raw: Mapping[str, Any]) -> Iterator[_Fault]:
    institutions = _names(raw, "institutions")
    known = ", ".join(institutions) or "none"
    for section in ("projects", "courses", "datasets"):
        for index, entry in enumerate(_entries(raw, section)):
            named = [("institution", entry.get("institution"))]
            shared = entry.get("shared_with", [])
            named += [("shared_with", name) for name in shared] if isinstance(shared, list) else []
            for key, name in named:
                if name is not None and name not in institutions:
                    remedy = f"is not an institution; there are {known}"
                    yield _Fault(_at(section, index, entry), key, name, remedy)


def _budgets(raw: Mapping[str, Any]) -> Iterator[_Fault]:
    entries = {
        section: _entries(raw, section)
        for section in ("institutions", "projects", "courses", "terms")
    }
    for section, index, key, value, remedy in budget_faults(entries):
        yield _Fault(_at(section, index, entries[section][index]), key, value, remedy)


def _gpus(raw: Mapping[str, Any]) -> Iterator[_Fault]:
    entries = _entries(raw, "gpus")
    for index, key, value, remedy in declared(entries)[1]:
        yield _Fault(_at("gpus", index, entries[index]), key, value, remedy)


def _pool(raw: Mapping[str, Any]) -> Iterator[_Fault]:
    pool = raw.get("pool", {})
    if not isinstance(pool, Mapping):
        return
    library = pool.get("nvml_library", "")
    if pool.get("source") == "nvml" and library and not os.access(str(library), os.R_OK):
        remedy = "cannot be read; name the file of libnvidia-ml.so.1, or leave it empty"
        yield _Fault("pool", "nvml_library", library, remedy)
    if pool.get("mps") and pool.get("shares", 1) == 1:
        yield _Fault("pool", "mps", pool["mps"], "needs shares of 2 or more; set them or remove it")


def _flavours(raw: Mapping[str, Any]) -> Iterator[_Fault]:
    entries = _entries(raw, "flavours")
    for index, key, value, remedy in flavour_faults(entries, driver_knows_more=_asks_driver(raw)):
        yield _Fault(_at("flavours", index, entries[index]), key, value, remedy)


def _flavours_served(raw: Mapping[str, Any]) -> Iterator[_Fault]:
    """What only the file can tell: with a driver, `labwerk check` looks at the machine."""
    gpus, faults = declared(_entries(raw, "gpus"))
    entries = _entries(raw, "flavours")
    if _asks_driver(raw) or faults or len(gpus) != len(_entries(raw, "gpus")):
        return
    wrong = {fault.entry for fault in flavour_faults(entries, driver_knows_more=False)}
    for index, entry in enumerate(entries):
        slices = entry.get("slices", {})
        if not isinstance(slices, Mapping) or index in wrong:
            continue
        if reason := unserved(slices, Inventory(tuple(gpus))):
            yield _Fault(_at("flavours", index, entry), "slices", dict(slices), reason)


def _asks_driver(raw: Mapping[str, Any]) -> bool:
    pool = raw.get("pool", {})
    return isinstance(pool, Mapping) and pool.get("source") == "nvml"


def _lengths(raw: Mapping[str, Any]) -> Iterator[_Fault]:
    flavours = _names(raw, "flavours")
    for section in ("flavours", "session_rules"):
        for index, entry in enumerate(_entries(raw, section)):
            named = entry.get("flavour", "")
            where = f"{section}[{index + 1}]" + (f" “{entry['name']}”" if "name" in entry else "")
            first, longest = entry.get("default_hours", 0), entry.get("longest_hours")
            if isinstance(first, int) and isinstance(longest, int) and first > longest:
                remedy = f"must not be longer than longest_hours ({longest})"
                yield _Fault(where, "default_hours", first, remedy)
            if named and named not in flavours:
                remedy = f"is not a flavour; there are {', '.join(flavours)}"
                yield _Fault(where, "flavour", named, remedy)


def _datasets(path: Path, raw: Mapping[str, Any]) -> Iterator[_Fault]:
    for index, entry in enumerate(_entries(raw, "datasets")):
        files = entry.get("files")
        for file in files if isinstance(files, list) else []:
            if not (path.parent / str(file)).is_file():
                remedy = f"is no file below {path.parent.resolve()}"
                yield _Fault(_at("datasets", index, entry), "files", file, remedy)


def _network(path: Path, raw: Mapping[str, Any]) -> Iterator[_Fault]:
    network = raw.get("network", {})
    if not isinstance(network, Mapping):
        return
    ports = ("public_port", "proxy_api_port", "hub_port", "service_port", "provider_port")
    seen: dict[object, str] = {}
    for key in ports:
        if (port := network.get(key)) is not None and port in seen:
            yield _Fault("network", key, port, f"is {seen[port]} already; the ports must differ")
        seen.setdefault(port, key)
    tls = [str(network.get(key, "")) for key in ("tls_certificate", "tls_key")]
    for key, file in zip(("tls_certificate", "tls_key"), tls, strict=True):
        if file and not os.access(path.parent / file, os.R_OK):
            yield _Fault("network", key, file, "cannot be read; name a PEM file")
    if any(tls) and not all(tls):
        yield _Fault("network", "tls_key", tls[1], "needs tls_certificate and tls_key together")
    address = str(network.get("address", "127.0.0.1"))
    if not any(tls) and not _is_loopback(address):
        remedy = "needs TLS beyond loopback; set tls_certificate and tls_key"
        yield _Fault("network", "address", address, remedy)
    if network.get("egress") == "list" and not network.get("egress_allow"):
        remedy = "must name at least one network when egress is “list”"
        yield _Fault("network", "egress_allow", [], remedy)


def _sessions(raw: Mapping[str, Any]) -> Iterator[_Fault]:
    sessions = raw.get("sessions", {})
    if not isinstance(sessions, Mapping):
        return
    start, intent = sessions.get("start_timeout", 120), sessions.get("intent_timeout", 180)
    if isinstance(start, int) and isinstance(intent, int) and intent <= start:
        remedy = f"must be longer than start_timeout ({start}), or a slow start loses its slice"
        yield _Fault("sessions", "intent_timeout", intent, remedy)


def _storage(raw: Mapping[str, Any]) -> Iterator[_Fault]:
    storage = raw.get("storage", {})
    if not isinstance(storage, Mapping) or storage.get("backing") != "btrfs-file":
        return
    if not (size := storage.get("btrfs_file_gib", 0)):
        remedy = "must say how large the file is to be, since backing is “btrfs-file”"
        yield _Fault("storage", "btrfs_file_gib", size, remedy)


def _sign_in(path: Path, raw: Mapping[str, Any]) -> Iterator[_Fault]:
    sign_in, network = raw.get("sign_in", {}), raw.get("network", {})
    if not isinstance(sign_in, Mapping) or not isinstance(network, Mapping):
        return
    issuer, secret = sign_in.get("issuer"), str(sign_in.get("client_secret_file", ""))
    if issuer == "demo":
        address = str(network.get("address", "127.0.0.1"))
        if address != "127.0.0.1":
            remedy = "must be 127.0.0.1 while sign_in.issuer is “demo”"
            yield _Fault("network", "address", address, remedy)
        return
    if isinstance(issuer, str) and not issuer.startswith(("https://", "http://127.0.0.1:")):
        remedy = "must be “demo” or an address that begins with https://"
        yield _Fault("sign_in", "issuer", issuer, remedy)
    if not secret or not os.access(path.parent / secret, os.R_OK):
        remedy = "cannot be read; name a file that holds the client's secret in one line"
        yield _Fault("sign_in", "client_secret_file", secret, remedy)


def _database(path: Path, raw: Mapping[str, Any]) -> Iterator[_Fault]:
    database = raw.get("database", {})
    file = str(database.get("password_file", "")) if isinstance(database, Mapping) else ""
    if file and not os.access(path.parent / file, os.R_OK):
        remedy = "cannot be read; name a file that holds the database's password in one line"
        yield _Fault("database", "password_file", file, remedy)


def _mail(path: Path, raw: Mapping[str, Any]) -> Iterator[_Fault]:
    mail = raw.get("mail", {})
    if not isinstance(mail, Mapping) or not mail.get("server"):
        return
    server, user, file = (str(mail.get(key, "")) for key in ("server", "user", "password_file"))
    if not mail.get("sender"):
        yield _Fault("mail", "sender", "", "is needed with a server: the address that mail is from")
    if file and not os.access(path.parent / file, os.R_OK):
        remedy = "cannot be read; name a file that holds the mail server's password in one line"
        yield _Fault("mail", "password_file", file, remedy)
    if bool(user) != bool(file):
        yield _Fault("mail", "user", user, "needs password_file, and a password needs its user")
    if user and mail.get("security") == "none" and not _is_loopback(server):
        remedy = "would send the password unencrypted; set it to starttls or tls"
        yield _Fault("mail", "security", "none", remedy)


def _is_loopback(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return address == "localhost"
