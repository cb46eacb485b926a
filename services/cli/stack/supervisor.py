"""`hearback up`: brings the parts up in order, keeps each running, tells scripts what is where, and takes everything down in order."""

import asyncio
import fcntl
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import httpx

from services.cli.settings import SERVICES, LocalSettings
from services.cli.stack import leftovers, logs
from services.cli.stack.child import Child, Command
from services.cli.stack.demo import ensure_demo_key
from services.cli.stack.disk import require_space
from services.cli.stack.keeper import Keeper
from services.cli.stack.layout import State
from services.cli.stack.numbers import read_numbers
from services.cli.stack.part import Part, how_it_ended
from services.cli.stack.plan import Plan, database_name, make_plan
from services.cli.stack.ports import HOST
from services.cli.stack.screen import Screen
from services.cli.stack.service import MISCONFIGURED, hearback
from services.cli.stack.stack_file import KafkaEntry, Listening, PostgresEntry, StackFile
from shared.errors import ConfigurationError, HearbackError

NUMBERS_EVERY_SECONDS = 3.0
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def run(settings: LocalSettings, state: State, screen: Screen, began: float) -> None:
    """Run the stack until a signal; `began` is the instant of `make run`, seconds since the epoch.

    Raises ConfigurationError when it cannot run as things are; everything that was started is stopped by then.
    """
    state.make()
    require_space(state.folder)
    with only_one(state):
        for part in leftovers.end(state.process_file):
            screen.say(f"{part}: was left by a former run, stopped")
        state.stack_file.unlink(missing_ok=True)
        plan = make_plan(settings, state, screen.say)
        plan.require_ports()
        if plan.kafka:
            plan.kafka.download()
        asyncio.run(Supervisor(plan, screen, began).run())


@contextmanager
def only_one(state: State) -> Iterator[None]:
    """Hold the folder for this process. Raises ConfigurationError when another supervisor has it."""
    with state.lock_file.open("r+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ConfigurationError(
                f"the stack of this folder runs already (pid {lock.read().strip()}): "
                "see it with `.venv/bin/hearback status`, end it with `make stop`"
            ) from None
        lock.truncate()
        lock.write(str(os.getpid()))
        lock.flush()
        yield


class Supervisor:
    """One run of the stack."""

    def __init__(self, plan: Plan, screen: Screen, began: float) -> None:
        self._plan, self._screen, self._began = plan, screen, began
        self._keepers: dict[str, Keeper] = {}
        self._record = leftovers.ProcessRecord(plan.state.process_file)
        self._file: StackFile | None = None

    async def run(self) -> None:
        """Up, until the first signal; then down. A second signal kills what still runs."""
        signals: asyncio.Queue[int] = asyncio.Queue()
        for number in STOP_SIGNALS:
            asyncio.get_running_loop().add_signal_handler(number, signals.put_nowait, number)
        up = asyncio.create_task(self._up())
        asked = asyncio.create_task(signals.get())
        await asyncio.wait({up, asked}, return_when=asyncio.FIRST_COMPLETED)
        if asked.done():
            self._screen.say("stopping: simulator, services, Kafka, PostgreSQL (again Ctrl-C: kill them)")
        up.cancel()
        down = asyncio.create_task(self._down(up))
        again = asyncio.create_task(signals.get()) if asked.done() else asked
        await asyncio.wait({down, again}, return_when=asyncio.FIRST_COMPLETED)
        if not down.done():
            for keeper in self._keepers.values():
                keeper.kill()
        await down
        again.cancel()
        if not up.cancelled() and (failed := up.exception()):
            raise _first_of_ours(failed)

    async def _up(self) -> None:
        async with asyncio.TaskGroup() as group, httpx.AsyncClient(timeout=5.0) as client:
            plan = self._plan
            await asyncio.gather(self._start(group, plan.kafka), self._start(group, plan.postgres))
            await asyncio.gather(self._make_topics(), self._make_databases())
            parts = plan.service_parts(client)
            await asyncio.gather(*(self._start(group, part) for part in parts))
            stack = self._describe()
            stack.demo = await ensure_demo_key(stack, plan.state.demo_key, client)
            stack.ready_seconds = round(time.time() - self._began, 1)
            stack.write(plan.state.stack_file)
            self._file = stack
            self._screen.say(f"ready after {stack.ready_seconds} s; Ctrl-C stops everything, the data stays in {plan.state.folder}")
            await self._start(group, plan.simulator_part())
            while True:
                self._screen.numbers(await read_numbers(stack, client))
                await asyncio.sleep(NUMBERS_EVERY_SECONDS)

    async def _start(self, group: asyncio.TaskGroup, part: Part | None) -> None:
        """Keep a part from now on; returns when it is ready for the first time."""
        if part is None:
            return
        logs.begin(self._plan.state.log_of(part.name))
        keeper = self._keepers[part.name] = Keeper(part, self._changed)
        self._screen.show(tuple(self._keepers.values()))
        group.create_task(keeper.keep())
        await keeper.ready.wait()

    async def _make_topics(self) -> None:
        await self._run_once("topics create", {"HEARBACK_KAFKA_BOOTSTRAP": self._plan.bootstrap})

    async def _make_databases(self) -> None:
        if self._plan.postgres:
            for service in SERVICES:
                await self._plan.postgres.ensure_database(database_name(service))
        await self._run_once("migrate", self._plan.environment())

    async def _run_once(self, step: str, environment: dict[str, str]) -> None:
        """A step that is a command of its own. Raises ConfigurationError with its last words when it fails."""
        log = self._plan.state.log_of(step.replace(" ", "-"))
        logs.begin(log)
        self._screen.say(f"{step}: running")
        child = await Child.start(Command(hearback(*step.split()), log, environment))
        try:
            code = await child.wait()
        finally:
            await child.stop()
        if code == MISCONFIGURED:
            raise ConfigurationError(logs.last_line(log))
        if code != 0:
            raise ConfigurationError(f"`hearback {step}` {how_it_ended(code, log)}")
        self._screen.say(f"{step}: done")

    def _changed(self, keeper: Keeper) -> None:
        self._screen.changed(keeper)
        with suppress(OSError):  # a full disk must not take the stack down, and least of all disturb its stop
            self._write_down(keeper)

    def _write_down(self, keeper: Keeper) -> None:
        if keeper.pid is not None:
            self._record.add(keeper.part.name, keeper.pid)
        if self._file is not None:
            demo, ready = self._file.demo, self._file.ready_seconds
            self._file = self._describe().model_copy(update={"demo": demo, "ready_seconds": ready})
            self._file.write(self._plan.state.stack_file)

    def _describe(self) -> StackFile:
        plan = self._plan
        pids = {name: keeper.pid for name, keeper in self._keepers.items()}
        databases = {service: plan.database_url(service) for service in SERVICES}
        url = plan.postgres.url_for("postgres") if plan.postgres else next(iter(databases.values()))
        return StackFile(
            supervisor_pid=os.getpid(),
            services={s: Listening(url=f"http://{HOST}:{plan.settings.port_of(s)}", pid=pids.get(s)) for s in SERVICES},
            kafka=KafkaEntry(bootstrap=plan.bootstrap, pid=pids.get("kafka")),
            postgres=PostgresEntry(url=url, pid=pids.get("postgres"), databases=databases),
            simulator_pid=pids.get("simulator"),
        )

    async def _down(self, up: asyncio.Task[None]) -> None:
        """Wait for the keepers to let go, then stop: simulator, services, Kafka, PostgreSQL."""
        await asyncio.wait({up})
        self._file = None
        self._plan.state.stack_file.unlink(missing_ok=True)
        outer_first = ("simulator",), SERVICES, ("kafka",), ("postgres",)
        for names in outer_first:
            await asyncio.gather(*(self._keepers[name].stop() for name in names if name in self._keepers))
        self._record.clear()


def _first_of_ours(failed: BaseException) -> BaseException:
    """What to say of a failure: the error of ours inside a group, else the thing itself."""
    if isinstance(failed, BaseExceptionGroup):
        ours, others = failed.split(HearbackError)
        if ours is not None and others is None:
            first: BaseException = ours
            while isinstance(first, BaseExceptionGroup):
                first = first.exceptions[0]
            return first
    return failed
