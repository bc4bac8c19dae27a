"""Settings that must be refused, one case a line: what is wrong, the text, the places, words of the message.

Only the table and the good text it bends; tests/contracts/test_config.py plays it.
"""
# ruff: noqa: E501  a table is read by its lines

BASE = """\
dns:
  listen: ["127.0.0.1:1053"]
  workers: 2
sinkhole:
  ipv4_pool: 127.53.0.0/16
admin:
  listen: 127.0.0.1:8053
"""
CAMPAIGN = "campaigns:\n  - {id: c1, title: One, start: 2026-01-02, end: 2026-12-31}\n"
UNITS = """\
units:
  - {code: a, name: A, networks: [10.1.0.0/16]}
  - {code: b, name: B, networks: [10.2.0.0/16], parent: a}
"""


def swap(old, new, text=BASE):
    """`text` with one thing changed."""
    assert old in text
    return text.replace(old, new)


BAD = [
    # (what is wrong, text, places, words of the message)
    ("empty", "", ["line 1: dns", "line 1: sinkhole", "line 1: admin"], "missing"),
    ("not a mapping", "- a\n", ["line 1"], "expected keys and values, saw ['a']"),
    ("syntax", "dns: [\n", ["line 2"], "not YAML"),
    ("unknown section", BASE + "colour: red\n", ["line 8: colour"], "unknown key; known here: dns, sinkhole"),
    ("unknown key", swap("  workers: 2", "  workrs: 2"), ["line 3: dns.workrs"], "unknown key"),
    ("duplicate key", swap("workers: 2", "workers: 2\n  workers: 3"), ["line 4: dns.workers"], "given twice"),
    ("section without content", swap("admin:\n  listen: 127.0.0.1:8053\n", "admin:\n"), ["line 6: admin"], "saw nothing"),
    ("text for a number", swap("workers: 2", "workers: two"), ["line 3: dns.workers"], "expected `int`, got `str`, saw 'two'"),
    ("truth for a number", swap("workers: 2", "workers: yes"), ["line 3: dns.workers"], "got `bool`, saw True"),
    ("too few", swap("workers: 2", "workers: 0"), ["line 3: dns.workers"], ">= 1, saw 0"),
    ("too many", swap("workers: 2", "workers: 65"), ["line 3: dns.workers"], "<= 64, saw 65"),
    ("a fraction", swap("workers: 2", "workers: 2.5"), ["line 3: dns.workers"], "saw 2.5"),
    ("one for a list", swap('["127.0.0.1:1053"]', '"127.0.0.1:1053"'), ["line 2: dns.listen"], "expected a list"),
    ("no listener", swap('["127.0.0.1:1053"]', "[]"), ["line 2: dns.listen"], "needs at least one address"),
    ("no port", swap("127.0.0.1:1053", "127.0.0.1"), ["line 2: dns.listen[0]"], "expected address:port"),
    ("any address", swap("127.0.0.1:1053", "0.0.0.0:53"), ["line 2: dns.listen[0]", "line 5: sinkhole.ipv4_pool"], "name each address"),
    ("any IPv6 address", swap("127.0.0.1:1053", "[::]:53"), ["line 2: dns.listen[0]", "line 5: sinkhole.ipv4_pool"], "name each address"),
    ("a host name", swap("127.0.0.1:1053", "localhost:53"), ["line 2: dns.listen[0]"], "no IP address"),
    ("a number for an address", swap('["127.0.0.1:1053"]', "[53]"), ["line 2: dns.listen[0]"], "expected an address"),
    ("listed twice", swap('["127.0.0.1:1053"]', '\n    - "127.0.0.1:53"\n    - "127.0.0.1:53"'), ["line 4: dns.listen[1]"], "listed twice"),
    ("the world may ask", swap("workers: 2", "workers: 2\n  allowed_clients:\n    - 10.0.0.0/8\n    - 0.0.0.0/0"), ["line 6: dns.allowed_clients[1]"], "too wide"),
    ("a whole network of proxies", swap("workers: 2", "proxies: [10.0.0.1, 10.0.0.0/16]"), ["line 3: dns.proxies[1]"], "too wide: from a proxy nothing is taken without its header"),
    ("a proxy by name", swap("workers: 2", "proxies: [dnsdist]"), ["line 3: dns.proxies[0]"], "no IP address or network"),
    ("half of IPv6 may ask", swap("workers: 2", "allowed_clients: [2000::/3]"), ["line 3: dns.allowed_clients[0]"], "too wide"),
    ("host bits", swap("workers: 2", "allowed_clients: [10.0.0.1/8]"), ["line 3: dns.allowed_clients[0]"], "bits set behind its prefix, saw '10.0.0.1/8'"),
    ("IPv6 pool for IPv4", swap("127.53.0.0/16", "fd00::/64"), ["line 5: sinkhole.ipv4_pool"], "expected an IPv4 network"),
    ("pool holds the listener", swap("127.53.0.0/16", "127.0.0.0/16"), ["line 5: sinkhole.ipv4_pool"], "holds our own DNS address 127.0.0.1:1053"),
    ("loopback pool on a WAN", swap("127.0.0.1:1053", "10.0.0.53:53"), ["line 5: sinkhole.ipv4_pool"], "a loopback pool beside the listener 10.0.0.53:53"),
    ("open admin without TLS", swap("127.0.0.1:8053", "10.0.0.1:8053"), ["line 6: admin.secure_cookies"], "must be true where admin.listen is not loopback"),
    ("no upstream", swap("workers: 2", "upstreams: {servers: []}"), ["line 3: dns.upstreams.servers"], "needs at least one server"),
    ("ourselves as upstream", swap("workers: 2", 'upstreams: {servers: ["127.0.0.1:1053"]}'), ["line 3: dns.upstreams.servers[0]"], "is our own listener"),
    ("ourselves by TCP", swap("workers: 2", 'upstreams: {servers: ["tcp://127.0.0.1:1053"]}'), ["line 3: dns.upstreams.servers[0]"], "is our own listener"),
    ("TLS without a name", swap("workers: 2", 'upstreams: {servers: ["tls://10.1.1.1"]}'), ["line 3: dns.upstreams.servers[0]"], "expected tls://address#name"),
    ("TLS with a hyphen at an edge", swap("workers: 2", 'upstreams: {servers: ["tls://10.1.1.1#-dns.example"]}'), ["line 3: dns.upstreams.servers[0]"], "no certificate can be checked for the name '-dns.example' (label must not start or end with a hyphen), saw 'tls://10.1.1.1#-dns.example'"),
    ("TLS with a broken A-label", swap("workers: 2", 'upstreams: {servers: ["tls://10.1.1.1#xn--zzzzzzzz99.vn"]}'), ["line 3: dns.upstreams.servers[0]"], "for the name 'xn--zzzzzzzz99.vn'"),
    ("TLS with a number", swap("workers: 2", "forward_zones: [{zone: a.vn, servers: ['tls://10.1.1.1#853']}]"), ["line 3: dns.forward_zones[0].servers[0]"], "'853' ends in a number and is no IPv4 address"),
    ("TLS with half an address", swap("workers: 2", 'upstreams: {servers: ["tls://10.1.1.1#10.1.1"]}'), ["line 3: dns.upstreams.servers[0]"], "'10.1.1' ends in a number"),
    ("unknown transport", swap("workers: 2", 'upstreams: {servers: ["https://10.1.1.1"]}'), ["line 3: dns.upstreams.servers[0]"], "expected address, address:port, tcp://"),
    ("a name without TLS", swap("workers: 2", 'upstreams: {servers: ["tcp://10.1.1.1#dns.example"]}'), ["line 3: dns.upstreams.servers[0]"], "belongs to tls:// only"),
    ("no CA file", swap("workers: 2", "upstreams: {tls_ca_file: missing.pem}"), ["line 3: dns.upstreams.tls_ca_file"], "cannot be read"),
    ("no certificate in the CA file", swap("workers: 2", "upstreams: {tls_ca_file: /dev/null}"), ["line 3: dns.upstreams.tls_ca_file"], "no certificate"),
    ("no zone", swap("workers: 2", "forward_zones: [{zone: a..b, servers: [10.0.0.1]}]"), ["line 3: dns.forward_zones[0].zone"], "an empty label"),
    ("the root as a zone", swap("workers: 2", "forward_zones: [{zone: ., servers: [10.0.0.1]}]"), ["line 3: dns.forward_zones[0].zone"], "the root"),
    ("zone twice", swap("workers: 2", "forward_zones:\n    - {zone: a.vn, servers: [10.0.0.1]}\n    - {zone: A.vn., servers: [10.0.0.1]}"), ["line 5: dns.forward_zones[1].zone"], "given twice"),
    ("zone without servers", swap("workers: 2", "forward_zones: [{zone: a.vn, servers: []}]"), ["line 3: dns.forward_zones[0].servers"], "needs at least one server"),
    ("zone forwarded to ourselves", swap("workers: 2", 'forward_zones: [{zone: a.vn, servers: ["127.0.0.1:1053"]}]'), ["line 3: dns.forward_zones[0].servers[0]"], "is our own listener"),
    ("zone forwarded to the system", swap("workers: 2", "forward_zones: [{zone: a.vn, servers: [system]}]"), ["line 3: dns.forward_zones[0].servers[0]"], "no IP address"),
    ("more TCP for one than for all", swap("workers: 2", "tcp_connections: 200\n  tcp_per_client: 201"), ["line 4: dns.tcp_per_client"], "more than dns.tcp_connections (200), saw 201"),
    ("less TCP for all than for one by default", swap("workers: 2", "workers: 2\n  tcp_connections: 49"), ["line 4: dns.tcp_connections"], "less than dns.tcp_per_client (50 where it is not set), saw 49"),
    ("more TCP for one than for all by default", swap("workers: 2", "tcp_per_client: 1001"), ["line 3: dns.tcp_per_client"], "more than dns.tcp_connections (1000), saw 1001"),
    ("TCP for all is wrong by itself", swap("workers: 2", "tcp_connections: 9\n  tcp_per_client: 50"), ["line 3: dns.tcp_connections"], ">= 10, saw 9"),
    ("local record", swap("workers: 2", "local_records:\n    - a.vn A 10.1.1.1\n    - a.vn MX mail.vn"), ["line 5: dns.local_records[1]"], "MX data has 2 parts, there are 1, saw 'a.vn MX mail.vn'"),
    ("no record at all", swap("workers: 2", "local_records: [5, a.vn A 10.1.1.300]"), ["line 3: dns.local_records[0]", "line 3: dns.local_records[1]"], "expected `str`"),
    ("CNAME beside others", swap("workers: 2", "local_records: [a.vn A 10.1.1.1, a.vn CNAME b.vn]"), ["line 3: dns.local_records[1]"], "a CNAME must be the only record of its name"),
    ("special name", swap("workers: 2", "special_names: {private_relay: maybe}"), ["line 3: dns.special_names.private_relay"], "expected `bool`"),
    ("language", BASE + "  language: de\n", ["line 8: admin.language"], "saw 'de'"),
    ("login limit", BASE + "  login_limit: many\n", ["line 8: admin.login_limit"], "per (minute|hour)"),
    ("time zone", BASE + "time_zone: Mars/Base\n", ["line 8: time_zone"], "unknown time zone"),
    ("node name", BASE + "node: Máy chủ\n", ["line 8: node"], "expected a-z, 0-9, '.', '_', '-'"),
    ("protected domain", BASE + "guard: {protected_domains: [gov..vn]}\n", ["line 8: guard.protected_domains[0]"], "an empty label"),
    ("the root protected", BASE + 'guard: {protected_domains: ["."]}\n', ["line 8: guard.protected_domains[0]"], "the root"),
    ("list format", BASE + "lists:\n  - {name: l, path: p, format: xls}\n", ["line 9: lists[0].format"], "saw 'xls'"),
    ("list without a path", BASE + "lists:\n  - name: l\n", ["line 9: lists[0].path"], "missing"),
    ("list twice", BASE + "lists:\n  - {name: l, path: p}\n  - {name: l, path: q}\n", ["line 10: lists[1].name"], "given twice"),
    ("list of two sources", BASE + "lists:\n  - {name: l, path: p, url: 'https://u:pw@h/x?k=1'}\n", ["line 9: lists[0].url"], "one source, saw 'https://h/x'"),
    ("list from elsewhere", BASE + "lists:\n  - {name: l, url: 'ftp://h/x'}\n", ["line 9: lists[0].url"], "expected http://… or https://…"),
    ("list too often", BASE + "lists:\n  - {name: l, path: p, every: 4m}\n", ["line 9: lists[0].every"], "expected 5m to 30d, saw '4m'"),
    ("list too seldom", BASE + "lists:\n  - {name: l, path: p, every: 31d}\n", ["line 9: lists[0].every"], "expected 5m to 30d, saw '31d'"),
    ("list every what", BASE + "lists:\n  - {name: l, path: p, every: 6 hours}\n", ["line 9: lists[0].every"], "expected a time as 30m, 6h or 1d, saw '6 hours'"),
    ("checksum of a file", BASE + "lists:\n  - {name: l, path: p, sha256_url: 'https://h/x'}\n", ["line 9: lists[0].sha256_url"], "without `url`"),
    ("two checksums", BASE + f"lists:\n  - {{name: l, url: 'https://h/x', sha256_url: 'https://h/y', sha256: {'a' * 64}}}\n", ["line 9: lists[0].sha256"], "beside `sha256_url`"),
    ("half a checksum", BASE + "lists:\n  - {name: l, url: 'https://h/x', sha256: abc}\n", ["line 9: lists[0].sha256"], "expected 64 hexadecimal digits"),
    ("checksum that proves nothing", BASE + "lists:\n  - {name: l, url: 'https://h/x', sha256_url: 'http://h/y'}\n", ["line 9: lists[0].sha256_url"], "it proves nothing"),
    ("list of no size", BASE + "lists:\n  - {name: l, url: 'https://h/x', max_size: 0}\n", ["line 9: lists[0].max_size"], ">= 1000, saw 0"),
    ("a secret in the wrong place", BASE + "lists: ['https://u:pw@h/x?k=1']\n", ["line 8: lists[0]"], "saw 'https://…@h/x?…'"),
    ("proxy without a way", BASE + "feeds:\n  proxy: 10.1.1.1:3128\n", ["line 9: feeds.proxy"], "expected http://… or https://…, saw '10.1.1.1:3128'"),
    ("proxy by TLS", BASE + "feeds:\n  proxy: https://10.1.1.1:3128\n", ["line 9: feeds.proxy"], "expected http://host:port"),
    ("no certificates for feeds", BASE + "feeds:\n  ca_file: gone.pem\n", ["line 9: feeds.ca_file"], "cannot be read (No such file or directory), saw 'gone.pem'"),
    ("zone by name of its primary", BASE + "lists:\n  - {name: l, url: 'axfr://ns.example/z.example', format: rpz}\n", ["line 9: lists[0].url"], "with the address (no name) of the primary"),
    ("zone without a name", BASE + "lists:\n  - {name: l, url: 'axfr://10.1.1.1:53/', format: rpz}\n", ["line 9: lists[0].url"], "it names no zone"),
    ("zone as something else", BASE + "lists:\n  - {name: l, url: 'axfr://10.1.1.1/z.example'}\n", ["line 9: lists[0].format"], "expected rpz, saw 'auto'"),
    ("zone by two names", BASE + "lists:\n  - {name: l, url: 'axfr://10.1.1.1/z.example', format: rpz, zone: y.example}\n", ["line 9: lists[0].zone"], "the address names the zone"),
    ("key of a list by https", BASE + "lists:\n  - {name: l, url: 'https://h/x', tsig_key: k}\n", ["line 9: lists[0].tsig_key", "line 9: lists[0].tsig_key"], "only what is fetched by axfr"),
    ("key that nobody has", BASE + "lists:\n  - {name: l, url: 'axfr://10.1.1.1/z.example', format: rpz, tsig_key: k}\n", ["line 9: lists[0].tsig_key"], "no key of `tsig_keys` has this name, saw 'k'"),
    ("key without its file", BASE + "tsig_keys:\n  - {name: k, secret_file: gone.key}\n", ["line 9: tsig_keys[0].secret_file"], "cannot be read (No such file or directory), saw 'gone.key'"),
    ("transfer on the resolver's port", BASE + "transfer: {listen: ['127.0.0.1:1053']}\n", ["line 8: transfer.listen[0]"], "is the resolver's own (dns.listen)"),
    ("secondaries of no listener", BASE + "transfer: {secondaries: [{address: '10.1.1.1:53'}]}\n", ["line 8: transfer.secondaries"], "`transfer.listen` is empty"),
    ("transfer of no zone", BASE + "transfer: {zone: a..b}\n", ["line 8: transfer.zone"], "no domain name (an empty label), saw 'a..b'"),
    ("list of no zone", BASE + "lists:\n  - {name: l, path: p, zone: a..b}\n", ["line 9: lists[0].zone"], "no domain name (an empty label), saw 'a..b'"),
    ("campaign ends first", BASE + swap("2026-12-31", "2025-12-31", CAMPAIGN), ["line 9: campaigns[0].end"], "before the start"),
    ("no date", BASE + swap("2026-12-31", "soon", CAMPAIGN), ["line 9: campaigns[0].end"], "saw 'soon'"),
    ("impossible date", BASE + swap("2026-12-31", "2026-12-32", CAMPAIGN), ["line 9: campaigns[0].end"], "day"),
    ("unit twice", BASE + swap("code: b", "code: a", UNITS), ["line 10: units[1].code"], "given twice"),
    ("unknown parent", BASE + swap("parent: a", "parent: z", UNITS), ["line 10: units[1].parent"], "no unit has this code, saw 'z'"),
    ("units overlap", BASE + swap("10.2.0.0/16], parent: a", "10.1.2.0/24]", UNITS), ["line 10: units[1].networks"], "overlaps 10.1.0.0/16 of unit 'a', saw '10.1.2.0/24'"),
    ("same network", BASE + swap("10.2.0.0/16", "10.1.0.0/16", UNITS), ["line 10: units[1].networks"], "overlaps"),
]  # fmt: skip
