"""One worker put together, on a reactor of the test's: it starts, answers, explains and stops."""

from __future__ import annotations

import gc
import ipaddress
import select
import socket
import struct

import pytest

from bench.ports import free_port
from contracts.clients import ClientFolder, ClientTable, NetworkStanding
from contracts.control import Request, RunFolder
from contracts.networks import Endpoint, UpstreamAddress
from contracts.settings import Admin, ForwardZone, Settings, Sinkhole, Upstreams
from resolver.wire.answer import read
from resolver.worker import Worker
from runtime.control import Call, Refused
from tests.resolver.hits.recorder import Recorder
from tests.resolver.making import answer_to, query, settings, understood


@pytest.fixture
def worker(reactor, tmp_path):
    here = Endpoint(f"127.0.0.1:{free_port()}")
    dns = settings(
        listen=(here,),
        allowed_clients=(ipaddress.ip_network("127.0.0.0/8"),),
        upstreams=Upstreams(servers=(UpstreamAddress("10.9.9.9"),)),
        forward_zones=(ForwardZone("agency.internal", (UpstreamAddress("10.1.1.1"), UpstreamAddress("10.1.1.2"))),),
        local_records=("own.example A 10.1.1.9",),
    )
    sinkhole = Sinkhole(ipaddress.ip_network("127.53.0.0/16"), None)
    made = Worker(reactor, Settings(dns, sinkhole, Admin(here), base=str(tmp_path)), 0)
    thresholds = gc.get_threshold()
    yield made
    gc.set_threshold(*thresholds)
    gc.unfreeze()
    made.hits._counts.close()


def explain(worker, **args):
    return worker._explain(Call(Request("explain", args), 0, None, lambda _line: None))


def test_it_answers_and_ends_without_a_word_of_trouble(worker, reactor, spin, caplog):
    recorder = Recorder(RunFolder(worker.settings.state).hits)
    worker.start()
    recorder.accept()
    recorder.acknowledge(0)
    spin(lambda: worker.hits.connected, "the recorder takes hits")
    caplog.clear()  # that there is no policy has been told
    with socket.create_connection(("127.0.0.1", worker._ports[0].getHost().port)) as client:
        packet = query("version.bind", "TXT", qclass="CH")
        client.sendall(struct.pack("!H", len(packet)) + packet)
        spin(lambda: select.select([client], [], [], 0)[0], "an answer")
        assert understood(client.recv(512)[4:]).rcode() == 5
        assert worker.status(None)["tcp"] == {"limit": 1000, "insiders": 1, "strangers": 0}
        stopped = []
        worker.stop().addCallback(stopped.append)
        spin(lambda: stopped and not worker._tcp_factory._places.holders(), "stopped")
    recorder.close()
    assert [record.getMessage() for record in caplog.records] == []


def test_a_client_table_goes_live_by_reload_and_a_bad_one_is_told(worker, reactor, spin, caplog):
    folder = ClientFolder(worker.settings.state)
    standing = NetworkStanding("127.10.0.0/16", "exempt", 0, "thử")
    folder.publish(ClientTable(3, 0.0, (), (standing,)))
    replies = []
    for content in (None, b"no table"):
        if content:
            folder.file.write_bytes(content)
        worker._reload(None).addCallback(replies.append)
        spin(lambda: len(replies) == (2 if content else 1), "loaded")  # noqa: B023  called at once
    assert [reply["clients"] for reply in replies] == [3, 3]
    assert replies[0]["clients_problem"] == ""
    assert "table 3 stays live" in replies[1]["clients_problem"]
    status = worker.status(None)
    assert replies[1]["clients_problem"] in status["problems"]
    assert status["clients"]["exempt"] == 1
    told = explain(worker, name="x.example", client="127.10.0.5")
    assert told["asker"]["standing"] == "exempt"
    assert "the client's network is exempt: no list is asked" in told["notes"]


@pytest.mark.parametrize(
    "args",
    [
        {},
        {"name": "x..example"},
        {"name": "x.example", "client": "127.0.0.256"},
        {"name": "x.example", "client": "127.0.0.1\0"},
        {"name": "x.example", "type": "NONE"},
        {"name": "x.example", "type": "TYPE0"},
        {"name": "x.example", "type": "TYPE65536"},
        {"name": "x.example", "type": "TYPE²"},
        {"name": "x.example", "type": "TYPE" + "9" * 5000},
    ],
)
def test_what_cannot_be_explained_is_refused_with_a_reason(worker, args):
    with pytest.raises(Refused):
        explain(worker, **args)


@pytest.mark.parametrize(("kind", "known"), [("", "A"), ("aaaa", "AAAA"), ("TYPE65", "HTTPS"), ("65400", "TYPE65400")])
def test_types_are_understood_by_name_and_number(worker, kind, known):
    assert explain(worker, name="x.example", type=kind)["type"] == known


@pytest.mark.parametrize(
    ("name", "client", "asked_of"),
    [
        ("Srv.Agency.internal", "127.0.0.1", {"scope": "agency.internal", "servers": ["10.1.1.1:53", "10.1.1.2:53"]}),
        ("x.example", "127.0.0.1", {"scope": ".", "servers": ["10.9.9.9:53"]}),
        ("own.example", "127.0.0.1", None),
        ("x.example", "192.0.2.1", None),
    ],
)
def test_it_is_told_whom_a_name_is_asked_of(worker, name, client, asked_of):
    assert explain(worker, name=name, client=client)["asked_of"] == asked_of


def test_it_is_told_whom_a_name_in_the_cache_would_be_asked_of(worker):
    packet = query("host.agency.internal")
    now = worker.dispatcher.clock()
    answer = answer_to(packet, "host.agency.internal. 300 IN A 10.1.1.7").to_wire()
    worker.engine.arrived((packet[12:], 0), read(answer, packet[12:], 86400, 3600), now)
    told = explain(worker, name="host.agency.internal")
    assert told["outcome"] == "cached"
    assert told["asked_of"]["scope"] == "agency.internal"
