"""A real Apache Kafka broker: one KRaft node from the jars that `deploy/kafka/pom.xml` names.

It needs a JDK 17 or newer and, the first time, Maven. `TAM_TEST_KAFKA=host:port` uses a broker that runs already.
"""

import asyncio
import base64
import contextlib
import hashlib
import os
import re
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from string import Template
from time import monotonic
from typing import Any
from uuid import uuid4

from shared.bus.base import BusUnavailable
from shared.bus.kafka import KafkaBus
from shared.config import PlatformSettings
from shared.events.topics import Topic
from shared.testing.once import one_at_a_time
from shared.testing.ports import free_port

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy" / "kafka"
CACHE = ROOT / ".cache" / "kafka"
MIN_JAVA = 17
DOWNLOAD_SECONDS = 600
FORMAT_SECONDS = 60
START_SECONDS = 90.0
STOP_SECONDS = 30.0
HEAP = ("-Xms128m", "-Xmx384m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")
PROBE_SECONDS = 10.0
PROBE = Topic("probe", "Says whether groups form.")


class KafkaMissing(Exception):
    """No broker can be run here; the sentence says what is missing."""


def jars() -> Path:
    """The folder of the broker's jars, downloaded once for each version of the POM.

    Raises:
        KafkaMissing: there is no JDK, or no Maven to get the jars with.
    """
    java = shutil.which("java")
    if java is None:
        raise KafkaMissing("there is no `java` here")
    told = subprocess.run([java, "-version"], capture_output=True, text=True, check=False).stderr
    found = re.search(r'version "(\d+)', told)
    if found is None or int(found[1]) < MIN_JAVA:
        raise KafkaMissing(f"`java` is older than {MIN_JAVA}")
    pom = DEPLOY / "pom.xml"
    folder = CACHE / hashlib.sha256(pom.read_bytes()).hexdigest()[:16]
    if folder.exists():
        return folder
    maven = shutil.which("mvn")
    if maven is None:
        raise KafkaMissing("there is no `mvn` here to get Kafka's jars with")
    # Renamed when complete, so an interrupted download is not taken for a whole one.
    with one_at_a_time(CACHE), tempfile.TemporaryDirectory(dir=CACHE) as partial:
        if folder.exists():
            return folder
        command = [maven, "-q", "-B", "-f", str(pom), "dependency:copy-dependencies", "-DincludeScope=runtime"]
        done = subprocess.run(
            [*command, f"-DoutputDirectory={partial}/lib"],
            capture_output=True,
            text=True,
            timeout=DOWNLOAD_SECONDS,
            check=False,
        )
        if done.returncode != 0:
            raise KafkaMissing(f"Maven could not get Kafka's jars: {done.stdout.strip()[-500:]}")
        with contextlib.suppress(OSError):
            (Path(partial) / "lib").rename(folder)
    return folder


class KafkaBroker:
    """One broker as a process of ours: start, stop, kill, freeze; data and port outlive each of them.

    `properties` are set beside those of the template, with `{port}` and `{controller_port}` filled in;
    `format_arguments` go to the storage tool; `client` is what clients must set to be let in.
    """

    def __init__(
        self,
        folder: Path,
        *,
        properties: Mapping[str, str] | None = None,
        format_arguments: Sequence[str] = (),
        client: Mapping[str, Any] | None = None,
    ) -> None:
        self.port = free_port()
        self.bootstrap_servers = f"127.0.0.1:{self.port}"
        self.log = folder / "broker.log"
        self._client = dict(client or {})
        self._classpath = f"{jars()}/*"
        self._properties = folder / "server.properties"
        template = Template((DEPLOY / "server.properties").read_text(encoding="utf-8"))
        ports = {"port": self.port, "controller_port": free_port()}
        lines = [template.substitute(ports, log_dir=folder / "data")]
        lines += [f"{name}={value.format_map(ports)}" for name, value in (properties or {}).items()]
        self._properties.write_text("\n".join(lines), encoding="utf-8")
        self._process: subprocess.Popen[bytes] | None = None
        self._format(format_arguments)

    def settings(self, **fields: Any) -> PlatformSettings:
        """Settings that reach it."""
        return PlatformSettings(kafka_bootstrap_servers=self.bootstrap_servers, **self._client, **fields)

    @property
    def pid(self) -> int:
        """The process id of the running broker."""
        assert self._process is not None
        return self._process.pid

    async def start(self) -> None:
        """Start and wait until a consumer group has formed: an open port alone says little.

        Raises:
            TimeoutError: it did not come up; the message holds the end of its log.
        """
        logging = f"-Dlog4j2.configurationFile={DEPLOY / 'log4j2.properties'}"
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(  # noqa: ASYNC220 - a few milliseconds, in a test
                ["java", *HEAP, logging, "-cp", self._classpath, "kafka.Kafka", str(self._properties)],
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        await self._ready()

    async def stop(self) -> None:
        """Stop it as an operator would."""
        if self._process is not None:
            self._process.terminate()
            try:
                await asyncio.to_thread(self._process.wait, STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self.kill()
            self._process = None

    async def restart(self) -> None:
        """Stop and start, with the same data at the same port."""
        await self.stop()
        await self.start()

    def kill(self) -> None:
        """`kill -9`, and wait for the end."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def freeze(self) -> None:
        """SIGSTOP: it holds its connections and answers nothing, once all its threads stand."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, self._process.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)

    def thaw(self) -> None:
        """SIGCONT."""
        if self._process is not None:
            self._process.send_signal(signal.SIGCONT)

    def _format(self, arguments: Sequence[str]) -> None:
        cluster = base64.urlsafe_b64encode(uuid4().bytes).decode().rstrip("=")
        tool = ["java", "-Xmx128m", "-cp", self._classpath, "kafka.tools.StorageTool", "format"]
        subprocess.run(
            # `--cluster-id=`: an id may begin with a dash.
            [*tool, f"--cluster-id={cluster}", "-c", str(self._properties), *arguments],
            capture_output=True,
            timeout=FORMAT_SECONDS,
            check=True,
        )

    async def _ready(self) -> None:
        deadline = monotonic() + START_SECONDS
        while monotonic() < deadline and self._process is not None and self._process.poll() is None:
            with contextlib.suppress(BusUnavailable, TimeoutError):
                await probe(self.settings(topic_prefix="harness."))
                return
            await asyncio.sleep(0.2)
        tail = self.log.read_text(errors="replace")[-4000:]
        raise TimeoutError(f"Kafka did not become ready; its log ends:\n{tail}")


async def probe(settings: PlatformSettings) -> None:
    """Make a topic if need be, and join a group on it.

    Raises:
        BusUnavailable: the broker is not ready yet.
        TimeoutError: likewise.
    """
    bus = KafkaBus(settings)
    await bus.start()
    try:
        await bus.ensure_topics([PROBE], partitions=1)
        consumer = bus.consumer(topics=[PROBE.name], group="probe")
        await consumer.start()
        try:
            async with asyncio.timeout(PROBE_SECONDS):
                while not consumer.assignment():
                    await consumer.poll(max_records=1, max_wait=0.1)
        finally:
            await consumer.stop()
    finally:
        await bus.stop()


@dataclass(frozen=True, slots=True)
class GivenBroker:
    """A broker that runs without us: nobody stops it, kills it or freezes it."""

    bootstrap_servers: str


@contextlib.contextmanager
def broker_for_tests() -> Iterator[KafkaBroker | GivenBroker]:
    """The broker that `TAM_TEST_KAFKA` names, or one of our own, gone at the end with all its data.

    Raises:
        KafkaMissing: none can be run here.
    """
    given = os.environ.get("TAM_TEST_KAFKA")
    if given:
        yield GivenBroker(given)
        return
    folder = Path(tempfile.mkdtemp(prefix="tam-kafka-"))
    broker = None
    try:
        broker = KafkaBroker(folder)
        asyncio.run(broker.start())
        yield broker
    finally:
        if broker is not None:
            broker.kill()
        shutil.rmtree(folder, ignore_errors=True)
