"""What the launcher decides before any broker runs."""

from pathlib import Path

import pytest

from deploy.kafka import cluster, java, libraries
from deploy.kafka.__main__ import main
from deploy.kafka.cluster import Node, free_ports, settings


def fake_java(folder: Path, text: str) -> Path:
    folder.mkdir(parents=True)
    program = folder / "java"
    program.write_text(f"#!/bin/sh\necho '{text}' >&2\n")
    program.chmod(0o755)
    return program


@pytest.mark.parametrize(
    ("said", "major"),
    [
        ('openjdk version "17.0.15" 2025-04-15', 17),
        ('openjdk version "25" 2025-09-16', 25),
        ('java version "1.8.0_202"', 8),
        ("no idea", None),
    ],
)
def test_a_java_says_its_version_in_the_old_way_or_the_new(tmp_path, said, major) -> None:
    assert java.major_version(fake_java(tmp_path / "bin", said)) == major


def test_the_first_java_that_is_new_enough_is_taken(tmp_path, monkeypatch) -> None:
    fake_java(tmp_path / "old" / "bin", 'java version "1.8.0_202"')
    new = fake_java(tmp_path / "new", 'openjdk version "21.0.1"')
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "old"))
    monkeypatch.setenv("PATH", str(tmp_path / "new"))
    assert java.find_java() == new


def test_without_any_java_it_says_how_to_get_one(tmp_path, monkeypatch) -> None:
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(java, "find_spec", lambda name: None)
    with pytest.raises(java.JavaMissing, match="Java 17 or later"):
        java.find_java()


def test_without_maven_it_says_how_to_get_it(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(libraries.LibrariesMissing, match="maven"):
        libraries.fetch(tmp_path)


def test_what_kafka_needs_and_is_missing_is_exit_code_3(tmp_path, monkeypatch, capsys) -> None:
    def missing() -> Path:
        raise java.JavaMissing

    monkeypatch.setattr(cluster, "find_java", missing)
    assert main(["--folder", str(tmp_path / "run"), "up"]) == 3
    assert "Java 17" in capsys.readouterr().err


def test_every_broker_is_a_voter_and_listens_on_the_loopback_alone(tmp_path) -> None:
    nodes = [Node(n, tmp_path / str(n), 9000 + n, 9100 + n) for n in (1, 2, 3)]
    lines = dict(line.split("=", 1) for line in settings(nodes[1], nodes).splitlines())
    assert lines["node.id"] == "2"
    assert lines["listeners"] == "CLIENT://127.0.0.1:9002,CONTROLLER://127.0.0.1:9102"
    assert lines["controller.quorum.voters"] == "1@127.0.0.1:9101,2@127.0.0.1:9102,3@127.0.0.1:9103"
    assert lines["min.insync.replicas"] == "2"
    assert lines["unclean.leader.election.enable"] == "false"
    assert lines["auto.create.topics.enable"] == "false"


def test_clients_may_be_told_of_something_that_stands_between_and_then_brokers_speak_directly(tmp_path) -> None:
    node = Node(1, tmp_path, 9001, 9101, 9201, 9301)
    lines = dict(line.split("=", 1) for line in settings(node, [node]).splitlines())
    assert lines["listeners"] == "CLIENT://127.0.0.1:9001,CONTROLLER://127.0.0.1:9101,INNER://127.0.0.1:9201"
    assert lines["advertised.listeners"] == "CLIENT://127.0.0.1:9301,INNER://127.0.0.1:9201"
    assert lines["inter.broker.listener.name"] == "INNER"


def test_ports_are_all_different() -> None:
    assert len(set(free_ports(20))) == 20
