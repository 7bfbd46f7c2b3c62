"""Kafka brokers on the loopback: KRaft, each broker its own controller too, on free ports, for tests and trials."""

import shutil
import socket
import subprocess
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self
from uuid import uuid4

from kafka.admin import KafkaAdminClient
from kafka.errors import KafkaError

from deploy.kafka.java import find_java
from deploy.kafka.libraries import fetch
from deploy.kafka.security import ADMIN, Secured
from streams.security import OPEN, Security

START_S = 60.0
STOP_S = 20.0
MEMORY = ("-Xmx384m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")  # quick to start; nobody measures Kafka here


class KafkaFailed(RuntimeError):
    """The brokers did not come up."""


@dataclass(frozen=True, slots=True)
class Node:
    """A broker's place: its folder and ports; ``advertised`` is what clients are told of instead of its own, if anything."""

    id: int
    folder: Path
    port: int
    controller_port: int
    inner_port: int = 0
    advertised: int = 0

    @property
    def properties(self) -> Path:
        """The broker's settings."""
        return self.folder / "server.properties"

    @property
    def log(self) -> Path:
        """What the broker printed."""
        return self.folder / "broker.log"


@dataclass(slots=True)
class Cluster:
    """Brokers that live as long as this object is started; a context manager.

    Parameters
    ----------
    folder
        Where settings, logs and data lie. Nothing is written elsewhere.
    brokers
        How many; topics can be replicated as often.
    detached
        Whether the brokers outlive this process. Otherwise they end with it, however it ends.
    secure
        Whether lines are encrypted, everybody signs in, and what no rule allows is denied.
    advertised
        A port for each broker that clients are told of instead of its own: something that stands between, such as a proxy.
        Brokers speak to each other directly then, in the open.
    """

    folder: Path
    brokers: int = 1
    detached: bool = False
    secure: bool = False
    advertised: Sequence[int] = ()
    secured: Secured | None = None
    processes: list["subprocess.Popen[bytes]"] = field(default_factory=list)
    nodes: list[Node] = field(default_factory=list)

    @property
    def address(self) -> str:
        """Bootstrap address, ``host:port`` of each broker, divided by commas."""
        return ",".join(f"127.0.0.1:{node.port}" for node in self.nodes)

    def prepare(self) -> None:
        """Choose the ports; :meth:`start` does so by itself."""
        ports = free_ports(3 * self.brokers)
        told = self.advertised or (0,) * self.brokers
        self.nodes = [
            Node(n + 1, self.folder / f"{n + 1}", ports[3 * n], ports[3 * n + 1], ports[3 * n + 2], told[n])
            for n in range(self.brokers)
        ]

    def start(self) -> str:
        """Start the brokers, wait until all of them answer, and return the bootstrap address.

        Raises
        ------
        deploy.kafka.java.JavaMissing, deploy.kafka.libraries.LibrariesMissing
            When what Kafka needs cannot be had.
        KafkaFailed
            When a broker ended, or none answered in time.
        """
        kafka = self._kafka()
        if not self.nodes:
            self.prepare()
        cluster_id = uuid4().hex[:22]
        if self.secure:
            self.secured = Secured(self.folder / "access")
            self.secured.write()
        try:
            for node in self.nodes:
                node.folder.mkdir(parents=True)
                node.properties.touch(mode=0o600)  # a password stands in it
                node.properties.write_text(settings(node, self.nodes, self.secured))
                with node.log.open("wb") as log:
                    format_ = (
                        *kafka,
                        "kafka.tools.StorageTool",
                        "format",
                        "-t",
                        cluster_id,
                        "-c",
                        str(node.properties),
                        *(self.secured.users() if self.secured else ()),
                    )
                    if subprocess.run(format_, stdout=log, stderr=log, timeout=START_S, check=False).returncode != 0:
                        raise KafkaFailed(f"the storage could not be formatted:\n{tail(node.log)}")
            for node in self.nodes:
                self.processes.append(self._launch(node))
            self.wait()
        except BaseException:
            self.stop()
            raise
        if self.secured is not None:
            self.secured.write_environments(self.address)
        return self.address

    def security(self, user: str = ADMIN) -> Security:
        """Tell how a user signs in; in the open, where nobody has to."""
        if self.secured is None:
            return OPEN
        return Security(tls=True, ca=self.secured.ca, user=user, password=self.secured.passwords[user])

    def stop(self) -> None:
        """End the brokers that this object started, by their process ids."""
        for process in self.processes:
            process.terminate()
        deadline = time.monotonic() + STOP_S
        for process in self.processes:
            with suppress(subprocess.TimeoutExpired):
                process.wait(max(0.1, deadline - time.monotonic()))
            process.kill()
            process.wait()
        self.processes.clear()

    def kill(self, node: int) -> None:
        """End a broker at once, as a crash would; ``node`` counts from 0."""
        self.processes[node].kill()
        self.processes[node].wait()

    def end(self, node: int) -> None:
        """Have a broker hand over and end, as for an upgrade; ``node`` counts from 0."""
        self.processes[node].terminate()
        try:
            self.processes[node].wait(STOP_S)
        except subprocess.TimeoutExpired:
            self.kill(node)

    def restart(self, node: int) -> None:
        """Start a broker again that has ended; whoever needs it back waits with :meth:`wait`."""
        self.processes[node] = self._launch(self.nodes[node])

    def _kafka(self) -> tuple[str, ...]:
        return (str(find_java()), *MEMORY, "-cp", f"{fetch()}/*")

    def _launch(self, node: Node) -> "subprocess.Popen[bytes]":
        # Under setpriv (util-linux) the kernel ends the broker when we are killed; without, only a clean end ends it.
        leash = () if self.detached or not shutil.which("setpriv") else ("setpriv", "--pdeathsig", "KILL")
        with node.log.open("ab") as log:
            return subprocess.Popen(
                [*leash, *self._kafka(), "kafka.Kafka", str(node.properties)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=node.folder,
                start_new_session=self.detached,
            )

    def wait(self, seconds: float = START_S) -> None:
        """Wait until all brokers answer and know each other.

        Raises
        ------
        KafkaFailed
            When a broker ended, or none answered in time.
        """
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            for process, node in zip(self.processes, self.nodes, strict=True):
                if process.poll() is not None:
                    raise KafkaFailed(f"broker {node.id} ended with {process.returncode}:\n{tail(node.log)}")
            if all(known_to(one, self.security()) == self.brokers for one in self.address.split(",")):
                return
            time.sleep(0.2)
        raise KafkaFailed(f"{self.brokers} brokers did not answer within {seconds:.0f} s:\n{tail(self.nodes[0].log)}")

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def settings(node: Node, nodes: Sequence[Node], secured: Secured | None = None) -> str:
    """Write a broker's settings: small, quick to rebalance, topics made by hand only, as in production."""
    replicas = len(nodes)
    values: dict[str, object] = {
        "process.roles": "broker,controller",
        "node.id": node.id,
        "listeners": f"CLIENT://127.0.0.1:{node.port},CONTROLLER://127.0.0.1:{node.controller_port}",
        "advertised.listeners": f"CLIENT://127.0.0.1:{node.port}",
        "inter.broker.listener.name": "CLIENT",
        "controller.listener.names": "CONTROLLER",
        "controller.quorum.voters": ",".join(f"{one.id}@127.0.0.1:{one.controller_port}" for one in nodes),
        "listener.security.protocol.map": "CLIENT:PLAINTEXT,INNER:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "log.dirs": node.folder / "data",
        "auto.create.topics.enable": "false",
        "default.replication.factor": replicas,
        "min.insync.replicas": max(1, replicas - 1),
        "unclean.leader.election.enable": "false",
        "offsets.topic.replication.factor": replicas,
        "offsets.topic.num.partitions": 4,
        "transaction.state.log.replication.factor": replicas,
        "transaction.state.log.min.isr": max(1, replicas - 1),
        "group.initial.rebalance.delay.ms": 0,
    }
    if node.advertised:
        inner = f"INNER://127.0.0.1:{node.inner_port}"
        values["listeners"] = f"{values['listeners']},{inner}"
        values["advertised.listeners"] = f"CLIENT://127.0.0.1:{node.advertised},{inner}"
        values["inter.broker.listener.name"] = "INNER"
    if secured is not None:
        values |= secured.settings()
    return "".join(f"{key}={value}\n" for key, value in values.items())


def known_to(address: str, security: Security = OPEN) -> int:
    """Count the brokers that the one at ``address`` knows of, itself included; 0 when it does not answer."""
    host, port = address.split(":")
    try:
        socket.create_connection((host, int(port)), timeout=1).close()  # quicker to say no than a client is
        admin = KafkaAdminClient(bootstrap_servers=address, request_timeout_ms=5_000, **security.client())
    except (OSError, KafkaError):
        return 0
    try:
        return len(admin.describe_cluster()["brokers"])
    except KafkaError:
        return 0
    finally:
        admin.close()


def free_ports(count: int) -> list[int]:
    """Find ports of the loopback that nobody listens on."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [int(one.getsockname()[1]) for one in sockets]
    finally:
        for one in sockets:
            one.close()


def tail(path: Path, size: int = 2_000) -> str:
    """Read the end of a log."""
    return path.read_text(errors="replace")[-size:] if path.exists() else ""
