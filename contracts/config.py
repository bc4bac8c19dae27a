"""Reads and checks config.yaml: all errors at once, each with key path, line and the value seen.

What the settings mean stands in contracts.settings; YAML itself is behind contracts.yamlio.
"""

from __future__ import annotations

import ipaddress
import os
import types
import typing
import zoneinfo
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Meta, Struct

from contracts import feeds, names, transfers, yamlio, zone_text
from contracts.clients import is_narrow
from contracts.networks import Endpoint, UpstreamAddress, overlaps
from contracts.settings import Settings
from contracts.yamlio import Problem


class BadConfig(Exception):
    """The file cannot be used; `problems` holds every reason, in file order."""

    def __init__(self, file: Path, problems: list[Problem]) -> None:
        super().__init__("\n".join(f"{file}: {problem}" for problem in problems))
        self.file = file
        self.problems = problems


def read(file: Path) -> Settings:
    """Settings of a file. Raises BadConfig with every error found, OSError when it cannot be read."""
    try:
        text = file.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        line = file.read_bytes()[: error.start].count(b"\n") + 1
        raise BadConfig(file, [Problem((), line, "not UTF-8 text")]) from error
    return parse(text, file)


def parse(text: str, file: Path) -> Settings:
    """Like `read`, for text that stands (or would stand) in `file`."""
    document = yamlio.read(text)
    if any(problem.path == () for problem in document.problems):
        raise BadConfig(file, document.problems)  # no YAML at all: whatever else is missing is no news
    reader = _Reader(document)
    settings = reader.struct(Settings, document.data, ())
    _check_together(reader, file.absolute().parent)
    if reader.problems:
        raise BadConfig(file, sorted(reader.problems, key=lambda problem: problem.line))
    return msgspec.structs.replace(typing.cast("Settings", settings), base=str(file.absolute().parent))


class _Reader:
    """Builds Structs value by value, so that one bad value does not hide the next; remembers what was good."""

    def __init__(self, document: yamlio.Document) -> None:
        self.lines = document.lines
        self.problems = document.problems
        self.good: dict[yamlio.Path, Any] = {}

    def complain(self, path: yamlio.Path, text: str) -> None:
        """Note a problem at the line of `path`, or of the nearest part of it that is in the file."""
        place = path
        while place not in self.lines:
            place = place[:-1]
        self.problems.append(Problem(path, self.lines[place], text))

    def struct(self, kind: type[Struct], data: Any, path: yamlio.Path) -> Struct | None:
        """None when anything inside is wrong."""
        if not isinstance(data, dict):
            self.complain(path, f"expected keys and values, saw {_shown(data)}")
            return None
        before = len(self.problems)
        fields = {field.name: field for field in msgspec.structs.fields(kind) if field.name != "base"}
        for key in data.keys() - fields.keys():
            self.complain((*path, key), f"unknown key; known here: {', '.join(fields)}")
        values = {}
        for name, field in fields.items():
            if name in data:
                values[name] = self.value(field.type, data[name], (*path, name))
            elif field.required:
                self.complain((*path, name), "missing")
            elif field.default is not msgspec.NODEFAULT:
                self.good[*path, name] = field.default
        return None if len(self.problems) > before else kind(**values)

    def value(self, kind: Any, data: Any, path: yamlio.Path) -> Any:
        """One value of any type used above; None after a complaint."""
        if isinstance(kind, type) and issubclass(kind, Struct):
            return self.struct(kind, data, path)
        if typing.get_origin(kind) is tuple:
            if not isinstance(data, list):
                self.complain(path, f"expected a list, saw {_shown(data)}")
                return None
            inner = typing.get_args(kind)[0]
            items = tuple(self.value(inner, item, (*path, index)) for index, item in enumerate(data))
            self.good[path] = items
            return items
        try:
            made = _leaf(kind, data)
        except (msgspec.ValidationError, ValueError) as error:
            self.complain(path, f"{_reason(error, kind)}, saw {_shown(data)}")
            return None
        self.good[path] = made
        return made


def _leaf(kind: Any, data: Any) -> Any:
    choices = typing.get_args(kind) if typing.get_origin(kind) in {typing.Union, types.UnionType} else (kind,)
    if data is None and type(None) in choices:
        return None
    if Endpoint in choices or UpstreamAddress in choices:
        if not isinstance(data, str):
            raise ValueError("expected an address")
        if data in [text for choice in choices for text in typing.get_args(choice)]:
            return data
        return Endpoint(data) if Endpoint in choices else UpstreamAddress(data)
    classes = [choice for choice in choices if isinstance(choice, type) and choice.__module__ == "ipaddress"]
    if classes:
        if not isinstance(data, str):
            raise ValueError("expected a network")
        network = ipaddress.ip_network(data)
        if not isinstance(network, tuple(classes)):
            raise ValueError(f"expected an {classes[0].__name__.removesuffix('Network')} network")
        return network
    return msgspec.convert(data, kind)


def _reason(error: Exception, kind: Any) -> str:
    text = str(error)
    if "has host bits set" in text:
        return "the network has bits set behind its prefix"
    if "does not appear to be" in text:
        return "no IP address or network"
    for meta in typing.get_args(kind)[1:]:
        if isinstance(meta, Meta) and meta.pattern and "regex" in text:
            return f"expected {meta.description or meta.pattern}"
    return text[0].lower() + text[1:]


def _shown(value: Any) -> str:
    text = "nothing" if value is None else feeds.without_secrets(repr(value))
    return text if len(text) <= 60 else f"{text[:57]}..."


def _check_together(reader: _Reader, base: Path) -> None:
    """Checks that need more than one value; each looks only at values that were good by themselves."""
    _check_listeners(reader)
    _check_upstreams(reader, base)
    _check_forward_zones(reader)
    _check_clients(reader)
    _check_proxies(reader)
    _check_tcp(reader)
    _check_local_records(reader)
    _check_guard(reader)
    _check_feeds(reader, base)
    _check_units(reader)
    _check_references(reader)
    zone = reader.good.get(("time_zone",))
    if zone is not None and zone not in zoneinfo.available_timezones():
        reader.complain(("time_zone",), f"unknown time zone, saw {_shown(zone)}")


def _check_listeners(reader: _Reader) -> None:
    listen = [endpoint for endpoint in reader.good.get(("dns", "listen"), ()) if endpoint]
    if ("dns", "listen") in reader.good and not reader.good["dns", "listen"]:
        reader.complain(("dns", "listen"), "needs at least one address")
    for index, endpoint in enumerate(reader.good.get(("dns", "listen"), ())):
        if not endpoint:
            continue
        place = ("dns", "listen", index)
        if endpoint.address.is_unspecified:
            reader.complain(place, f"name each address: replies must leave from the one that was asked, saw {endpoint}")
        if endpoint in listen[: listen.index(endpoint)] or (
            listen.count(endpoint) > 1 and listen.index(endpoint) != index
        ):
            reader.complain(place, f"listed twice, saw {endpoint}")
    pool = reader.good.get(("sinkhole", "ipv4_pool"))
    outside = [endpoint for endpoint in listen if not endpoint.address.is_loopback]
    if pool is not None and outside and pool.overlaps(ipaddress.ip_network("127.0.0.0/8")):
        reader.complain(
            ("sinkhole", "ipv4_pool"),
            f"a loopback pool beside the listener {outside[0]}: machines would connect to themselves, saw '{pool}'",
        )
    for key in ("ipv4_pool", "ipv6_pool"):
        pool = reader.good.get(("sinkhole", key))
        for endpoint in listen:
            if pool is not None and endpoint.address in pool:
                reader.complain(("sinkhole", key), f"holds our own DNS address {endpoint}, saw '{pool}'")
    admin = reader.good.get(("admin", "listen"))
    if admin and not admin.address.is_loopback and reader.good.get(("admin", "secure_cookies")) is False:
        reader.complain(
            ("admin", "secure_cookies"), f"must be true where admin.listen is not loopback ({admin}), saw False"
        )


def _check_upstreams(reader: _Reader, base: Path) -> None:
    place = ("dns", "upstreams", "servers")
    if reader.good.get(place) == ():
        reader.complain(place, "needs at least one server, or `system`")
    _refuse_ourselves(reader, place)
    place = ("dns", "upstreams", "tls_ca_file")
    _check_certificates(reader, base, place)


def _check_certificates(reader: _Reader, base: Path, place: yamlio.Path) -> None:
    path = reader.good.get(place)
    if path:
        try:
            holds = "-----BEGIN CERTIFICATE-----" in (base / path).read_text(encoding="utf-8", errors="replace")
        except OSError as error:
            reader.complain(place, f"cannot be read ({error.strerror}), saw {_shown(path)}")
        else:
            if not holds:
                reader.complain(place, f"holds no certificate in PEM form, saw {_shown(path)}")


def _check_forward_zones(reader: _Reader) -> None:
    seen = set[bytes]()
    for index in range(len(reader.good.get(("dns", "forward_zones"), ()))):
        place = ("dns", "forward_zones", index)
        if reader.good.get((*place, "servers")) == ():
            reader.complain((*place, "servers"), "needs at least one server")
        _refuse_ourselves(reader, (*place, "servers"))
        zone = reader.good.get((*place, "zone"))
        if zone is None:
            continue
        try:
            name = names.to_wire(zone)
        except names.BadName as error:
            reader.complain((*place, "zone"), f"no domain name ({error}), saw {_shown(zone)}")
            continue
        if name == b"\0":
            reader.complain((*place, "zone"), f"the root: that is what dns.upstreams is for, saw {_shown(zone)}")
        if name in seen:
            reader.complain((*place, "zone"), f"given twice, saw {_shown(zone)}")
        seen.add(name)


def _refuse_ourselves(reader: _Reader, place: yamlio.Path) -> None:
    listen = reader.good.get(("dns", "listen"), ())
    for index, server in enumerate(reader.good.get(place, ())):
        if isinstance(server, UpstreamAddress) and server.endpoint in listen:
            reader.complain((*place, index), f"is our own listener, saw {_shown(str(server))}")


def _check_clients(reader: _Reader) -> None:
    for index, network in enumerate(reader.good.get(("dns", "allowed_clients"), ())):
        if network is not None and network.prefixlen < (8 if network.version == 4 else 7):
            reader.complain(
                ("dns", "allowed_clients", index),
                f"too wide: an open resolver harms others, name your own networks, saw '{network}'",
            )


def _check_proxies(reader: _Reader) -> None:
    for index, network in enumerate(reader.good.get(("dns", "proxies"), ())):
        if network is not None and not is_narrow(network):
            reader.complain(
                ("dns", "proxies", index),
                f"too wide: from a proxy nothing is taken without its header, name single addresses, saw '{network}'",
            )


def _check_tcp(reader: _Reader) -> None:
    """One client's cap above that of all is none; told where the file says it, for either may be a default."""
    each, whole = ("dns", "tcp_per_client"), ("dns", "tcp_connections")
    if each not in reader.good or whole not in reader.good or reader.good[each] <= reader.good[whole]:
        return
    if each in reader.lines:
        reader.complain(each, f"more than dns.tcp_connections ({reader.good[whole]}), saw {reader.good[each]}")
    else:
        text = f"less than dns.tcp_per_client ({reader.good[each]} where it is not set), saw {reader.good[whole]}"
        reader.complain(whole, text)


def _check_local_records(reader: _Reader) -> None:
    lines = reader.good.get(("dns", "local_records"), ())
    for index, reason in zone_text.problems(lines):
        reader.complain(("dns", "local_records", index), f"{reason}, saw {_shown(lines[index])}")


def _check_guard(reader: _Reader) -> None:
    for index, domain in enumerate(reader.good.get(("guard", "protected_domains"), ())):
        if domain is None:
            continue
        try:
            if names.to_wire(domain) == b"\0":
                raise names.BadName("the root")
        except names.BadName as error:
            reader.complain(("guard", "protected_domains", index), f"no domain name ({error}), saw {_shown(domain)}")


def _check_feeds(reader: _Reader, base: Path) -> None:
    proxy = reader.good.get(("feeds", "proxy"))
    if proxy and (reason := feeds.proxy_problem(proxy)):
        reader.complain(("feeds", "proxy"), f"{reason}, saw {_shown(proxy)}")
    _check_certificates(reader, base, ("feeds", "ca_file"))
    for index in range(len(_good(reader, "lists"))):
        good = {str(path[2]): value for path, value in reader.good.items() if path[:2] == ("lists", index) and path[2:]}
        for key, sentence in feeds.problems(good):
            reader.complain(("lists", index, key), sentence)
    for place, sentence in transfers.problems(reader.good, base):
        reader.complain(place, sentence)


def _check_units(reader: _Reader) -> None:
    units = [(index, unit) for index, unit in enumerate(_good(reader, "units")) if unit is not None]
    parents = {unit.code: unit.parent for _, unit in units}
    known = [
        (path[1], network)
        for path, value in reader.good.items()
        if len(path) == 3 and path[0] == "units" and path[2] == "networks"
        for network in value
        if network is not None
    ]
    codes = {index: unit.code for index, unit in units}
    for first, wide, second, narrow in overlaps([(str(index), network) for index, network in known]):
        below, above = codes.get(int(second)), codes.get(int(first))
        if wide != narrow and below is not None and above is not None and _is_below(below, above, parents):
            continue
        named = f"units[{first}]" if above is None else f"unit '{above}'"
        reader.complain(("units", int(second), "networks"), f"overlaps {wide} of {named}, saw '{narrow}'")


def _is_below(code: str, above: str, parents: dict[str, str]) -> bool:
    seen = set[str]()
    while code and code not in seen:
        seen.add(code)
        code = parents.get(code, "")
        if code == above:
            return True
    return False


def _check_references(reader: _Reader) -> None:
    for section, key in (("lists", "name"), ("campaigns", "id"), ("units", "code")):
        seen = set[Any]()
        for index, item in enumerate(_good(reader, section)):
            name = reader.good.get((section, index, key))
            if name in seen:
                reader.complain((section, index, key), f"given twice, saw {_shown(name)}")
            if item is not None or name is not None:
                seen.add(name)
    for index in range(len(_good(reader, "lists"))):
        zone = reader.good.get(("lists", index, "zone"), "")
        try:
            names.to_wire(zone)
        except names.BadName as error:
            reader.complain(("lists", index, "zone"), f"no domain name ({error}), saw {_shown(zone)}")
    units = {reader.good.get(("units", index, "code")) for index in range(len(_good(reader, "units")))}
    for index in range(len(_good(reader, "units"))):
        parent = reader.good.get(("units", index, "parent"))
        if parent and parent not in units:
            reader.complain(("units", index, "parent"), f"no unit has this code, saw {_shown(parent)}")
    for index, item in enumerate(_good(reader, "campaigns")):
        if item is not None and item.start and item.end and item.end < item.start:
            reader.complain(("campaigns", index, "end"), f"before the start, saw {_shown(str(item.end))}")


def _good(reader: _Reader, section: str) -> tuple[Any, ...]:
    return typing.cast("tuple[Any, ...]", reader.good.get((section,), ()))


def find_config(given: str | None = None) -> Path:
    """The file to use: the one given, $SINKHOLE_CONFIG, or ./config.yaml."""
    return Path(given or os.environ.get("SINKHOLE_CONFIG") or "config.yaml")
